// When the pictures of a live stream were recorded: read from the stream itself (`prft` boxes, ISO/IEC 14496-12, 8.16.5),
// so that the age of what is shown includes its way here.

const HEAD = 32; // a `prft` box, and more than any box's own head
const NTP_BEFORE_1970_MS = 2208988800000;
const MOST_MOVIE = 1 << 20;

/** Is fed the stream as it comes, in any pieces. */
export class Reference {
  constructor() {
    this.head = new Uint8Array(HEAD);
    this.begin();
    this.scale = null;
    this.latest = null; // when the picture of media time 0 would have come; milliseconds since 1970
  }

  begin() {
    this.had = 0;
    this.left = null;
    this.movie = null;
  }

  feed(bytes) {
    for (let at = 0; at < bytes.length;) at += this.left === null ? this.takeHead(bytes.subarray(at)) : this.takeRest(bytes.subarray(at));
  }

  takeHead(bytes) {
    const wanted = this.had < 16 ? 16 - this.had : HEAD - this.had;
    const part = bytes.subarray(0, wanted);
    this.head.set(part, this.had);
    this.had += part.length;
    if (part.length < wanted) return part.length;
    const view = new DataView(this.head.buffer);
    const kind = kindAt(view, 4);
    if (kind === "prft" && this.had < HEAD) return part.length;
    const size = view.getUint32(0) === 1 ? Number(view.getBigUint64(8)) : view.getUint32(0);
    if (kind === "prft") this.refer(view);
    if (kind === "moov" && size <= MOST_MOVIE) {
      this.movie = new Uint8Array(size);
      this.movie.set(this.head.subarray(0, this.had));
    }
    this.left = size - this.had;
    if (this.left <= 0) this.begin();
    return part.length;
  }

  takeRest(bytes) {
    const part = bytes.subarray(0, this.left);
    this.movie?.set(part, this.movie.length - this.left);
    this.left -= part.length;
    if (this.left > 0) return part.length;
    if (this.movie) this.scale = scaleOf(new DataView(this.movie.buffer)) ?? this.scale;
    this.begin();
    return part.length;
  }

  refer(view) {
    if (this.scale === null) return;
    const came = view.getUint32(16) * 1000 + (view.getUint32(20) * 1000) / 2 ** 32 - NTP_BEFORE_1970_MS;
    this.latest = came - (Number(view.getBigUint64(24)) * 1000) / this.scale;
  }

  /** When the picture of that media time (seconds) came; null while nothing is known. */
  cameAt(seconds) {
    return this.latest === null ? null : this.latest + seconds * 1000;
  }
}

const kindAt = (view, at) => String.fromCharCode(...[0, 1, 2, 3].map((n) => view.getUint8(at + n)));

/** Where the contents of each box in there begin and end. */
function* boxes(view, start, end) {
  for (let at = start; at + 8 <= end;) {
    const size = view.getUint32(at);
    if (size < 8) return;
    yield { kind: kindAt(view, at + 4), start: at + 8, end: Math.min(at + size, end) };
    at += size;
  }
}

const child = (view, box, kind) => (box ? [...boxes(view, box.start, box.end)].find((one) => one.kind === kind) : undefined);

/** Ticks of a second in the picture's track. */
function scaleOf(view) {
  for (const track of boxes(view, 8, view.byteLength)) {
    const media = track.kind === "trak" ? child(view, track, "mdia") : undefined;
    const handler = child(view, media, "hdlr");
    const head = child(view, media, "mdhd");
    if (!handler || !head || kindAt(view, handler.start + 8) !== "vide") continue;
    return view.getUint32(head.start + (view.getUint8(head.start) === 1 ? 20 : 12)) || null;
  }
  return null;
}
