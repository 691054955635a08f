// Lists whose rows are kept: one is drawn anew only where what it shows has changed, so that focus and clicks are not disturbed.

const SETTLE_MS = 400;

export class Rows {
  /** Rows in `list`; `draw(value)` makes one. */
  constructor(list, draw) {
    this.list = list;
    this.draw = draw;
    this.rows = new Map();
  }

  /** Show these and no others, in this order: pairs of a key and a value. */
  show(pairs) {
    const keys = new Set(pairs.map(([key]) => key));
    for (const [key, row] of this.rows) {
      if (keys.has(key)) continue;
      row.element.remove();
      this.rows.delete(key);
      this.settle();
    }
    pairs.forEach(([key, value], index) => this.place(this.row(key, value), index));
  }

  place(row, index) {
    if (this.list.children[index] === row) return;
    const focused = row.contains(document.activeElement) ? document.activeElement : null;
    this.list.insertBefore(row, this.list.children[index] ?? null);
    focused?.focus({ preventScroll: true });
    this.settle();
  }

  row(key, value) {
    const looks = JSON.stringify(value);
    const known = this.rows.get(key);
    if (known?.looks === looks) return known.element;
    const element = this.draw(value);
    if (known) replace(known.element, element);
    this.rows.set(key, { looks, element });
    return element;
  }

  /** Rows have moved: a click right now was meant for another one, so none is taken for a moment (style.css). */
  settle() {
    this.list.classList.add("settling");
    clearTimeout(this.settled);
    this.settled = setTimeout(() => this.list.classList.remove("settling"), SETTLE_MS);
  }
}

/** Put a new row in the place of an old one; the focus goes to the button of the same name. */
function replace(old, element) {
  const act = old.contains(document.activeElement) ? document.activeElement.dataset.act : null;
  old.replaceWith(element);
  if (act) element.querySelector(`[data-act="${CSS.escape(act)}"]`)?.focus({ preventScroll: true });
}
