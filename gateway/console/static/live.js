// The live line: server-sent events, and a watchdog that knows when they stop.

const SILENCE_MS = 12000; // the gateway gives a sign of life every 5 s
const RECONNECT_MS = 2000;

/** Calls `on.snapshot`, `on.change`, `on.beat` with each message, `on.stale(bool)` when life ends or returns, `on.broken()` at each break. */
export class Live {
  constructor(on) {
    this.on = on;
    this.source = null;
    this.stale = false;
    this.heard = performance.now();
  }

  start() {
    this.heard = performance.now();
    this.connect();
    this.watch = setInterval(() => this.look(), 500);
  }

  stop() {
    clearInterval(this.watch);
    clearTimeout(this.again);
    this.source?.close();
  }

  connect() {
    this.source?.close();
    this.attempted = performance.now();
    this.source = new EventSource("/api/events");
    for (const name of ["snapshot", "change", "beat"]) {
      this.source.addEventListener(name, (event) => this.take(name, JSON.parse(event.data)));
    }
    this.source.addEventListener("error", () => this.retry());
  }

  take(name, message) {
    this.heard = performance.now();
    this.on[name](message);
    if (this.stale) {
      this.stale = false;
      this.on.stale(false);
    }
  }

  retry() {
    this.source.close();
    this.attempted = performance.now();
    this.on.broken();
    clearTimeout(this.again);
    this.again = setTimeout(() => this.connect(), RECONNECT_MS);
  }

  look() {
    const now = performance.now();
    if (now - this.heard > SILENCE_MS && !this.stale) {
      this.stale = true;
      this.on.stale(true);
    }
    if (this.stale && now - this.attempted > SILENCE_MS) this.retry(); // a line that hangs gives no error
  }
}
