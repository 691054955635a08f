// Sound for alarms that nobody has acknowledged: one looping pattern, played by the browser itself without timers.

// [frequency in Hz, seconds] in turn; 0 is silence.
const PATTERNS = {
  critical: [[880, 0.18], [0, 0.04], [660, 0.18], [0, 0.04], [880, 0.18], [0, 0.04], [660, 0.18], [0, 0.36]],
  high: [[740, 0.25], [0, 0.12], [740, 0.25], [0, 1.0]],
  medium: [[587, 0.2], [0, 5]],
  low: [[494, 0.15], [0, 12]],
  drill: [[523, 0.15], [659, 0.15], [784, 0.2], [0, 4]],
  lost: [[330, 0.3], [0, 0.15], [247, 0.4], [0, 4]],
};

export class Sound {
  constructor(onChange) {
    this.context = new AudioContext();
    this.context.addEventListener("statechange", onChange);
    this.playing = null;
    this.pattern = null;
  }

  get blocked() {
    return this.context.state !== "running";
  }

  /** Ask the browser to let us sound; works from a click or a key. */
  async enable() {
    await this.context.resume();
  }

  /** Play a pattern until told otherwise; null is silence. */
  play(pattern) {
    if (pattern === this.pattern) return;
    this.pattern = pattern;
    this.playing?.stop();
    this.playing = null;
    if (pattern === null) return;
    this.playing = this.source(pattern, true);
    this.playing.start();
  }

  /** A short sample, so that a guard knows the loudness. */
  sample() {
    const source = this.source("high", false);
    source.start();
    source.stop(this.context.currentTime + 0.7);
  }

  source(pattern, loop) {
    const source = this.context.createBufferSource();
    source.buffer = this.buffer(PATTERNS[pattern]);
    source.loop = loop;
    source.connect(this.context.destination);
    return source;
  }

  buffer(notes) {
    const rate = this.context.sampleRate;
    const seconds = notes.reduce((sum, [, length]) => sum + length, 0);
    const buffer = this.context.createBuffer(1, Math.ceil(seconds * rate), rate);
    const samples = buffer.getChannelData(0);
    let at = 0;
    for (const [frequency, length] of notes) {
      const count = Math.floor(length * rate);
      for (let i = 0; frequency && i < count; i += 1) {
        const edge = Math.min(1, i / (0.008 * rate), (count - i) / (0.008 * rate)); // no clicks
        const angle = (2 * Math.PI * frequency * i) / rate;
        samples[at + i] = 0.45 * edge * (Math.sin(angle) + 0.3 * Math.sin(3 * angle));
      }
      at += count;
    }
    return buffer;
  }
}
