// Sound: the whole recording from one element, a segment from its own short clip, one of them at a time.

import { clock } from "./format";

const PLAY = "M5 3.2v9.6c0 .5.5.8 1 .5l7-4.8c.4-.3.4-.8 0-1L6 2.7c-.5-.3-1 0-1 .5z";
const PAUSE = "M4.5 3h2.2v10H4.5zM9.3 3h2.2v10H9.3z";
const WIDTH = 1000;

export class Player {
  private readonly whole = document.getElementById("whole") as HTMLAudioElement | null;
  private readonly clip = new Audio();
  private readonly duration: number;
  private row: HTMLElement | null = null;
  private marked: HTMLElement | null = null;

  constructor(root: HTMLElement) {
    this.duration = Number(root.dataset["duration"]) || 0;
    this.clip.preload = "auto";
    const speed = document.getElementById("speed") as HTMLSelectElement | null;
    speed?.addEventListener("change", () => this.setSpeed(Number(speed.value)));
    document.getElementById("play-whole")?.addEventListener("click", () => this.toggleWhole());
    for (const audio of [this.whole, this.clip]) {
      for (const name of ["timeupdate", "play", "pause", "ended", "seeked"] as const) audio?.addEventListener(name, () => this.show());
    }
    this.clip.addEventListener("ended", () => this.show());
    const wave = document.getElementById("waveform");
    wave?.addEventListener("click", (event) => {
      event.preventDefault();
      const box = wave.getBoundingClientRect();
      this.seek(((event.clientX - box.left) / box.width) * this.duration);
    });
    root.addEventListener("click", (event) => {
      const link = event.target instanceof Element ? event.target.closest<HTMLAnchorElement>("a.play") : null;
      const row = link?.closest<HTMLElement>("li.segment");
      if (!row) return;
      event.preventDefault();
      this.toggle(row);
    });
    let frame = 0;
    const tick = () => {
      if (this.playing) {
        this.show();
        frame = requestAnimationFrame(tick);
      } else frame = 0;
    };
    for (const audio of [this.whole, this.clip]) audio?.addEventListener("play", () => (frame ||= requestAnimationFrame(tick)));
  }

  get playing(): boolean {
    return !this.clip.paused || !(this.whole?.paused ?? true);
  }

  /** Play a segment from its beginning. */
  play(row: HTMLElement): void {
    this.whole?.pause();
    const address = `/api/segments/${row.dataset["segment"]}/audio`;
    if (this.row !== row || !this.clip.src.endsWith(address)) this.clip.src = address;
    this.row = row;
    this.clip.currentTime = 0;
    this.keepSpeed();
    this.clip.play().catch(() => this.show());
    this.show();
  }

  /** Play a segment, or pause and go on with it. */
  toggle(row: HTMLElement): void {
    if (this.row?.dataset["segment"] !== row.dataset["segment"] || this.clip.ended) return this.play(row);
    if (this.clip.paused) {
      this.whole?.pause();
      this.clip.play().catch(() => undefined);
    } else this.clip.pause();
  }

  pause(): void {
    this.clip.pause();
    this.whole?.pause();
  }

  private toggleWhole(): void {
    if (this.playing) return this.pause();
    this.row = null;
    this.keepSpeed();
    this.whole?.play().catch(() => this.show());
  }

  private seek(ms: number): void {
    if (!this.whole) return;
    this.clip.pause();
    this.row = null;
    this.whole.currentTime = Math.max(0, Math.min(this.duration, ms)) / 1000;
    const row = this.rowAt(ms);
    row?.scrollIntoView({ block: "nearest" });
    if (!row) offer(ms);
    this.show();
  }

  private setSpeed(speed: number): void {
    this.keepSpeed(speed);
  }

  private keepSpeed(speed = Number((document.getElementById("speed") as HTMLSelectElement | null)?.value ?? 1)): void {
    for (const audio of [this.whole, this.clip]) if (audio) audio.playbackRate = audio.defaultPlaybackRate = speed;
  }

  private rowAt(ms: number): HTMLElement | null {
    for (const row of document.querySelectorAll<HTMLElement>("li.segment")) {
      if (ms >= Number(row.dataset["start"]) && ms < Number(row.dataset["end"])) return row;
    }
    return null;
  }

  /** Draw where the sound is: cursor, time, the row that plays. */
  private show(): void {
    const start = this.row ? Number(this.row.dataset["start"]) : 0;
    const at = this.row ? start + this.clip.currentTime * 1000 : (this.whole?.currentTime ?? 0) * 1000;
    const x = this.duration ? String((at / this.duration) * WIDTH) : "0";
    const cursor = document.getElementById("cursor");
    cursor?.setAttribute("x1", x);
    cursor?.setAttribute("x2", x);
    const now = document.getElementById("now");
    if (now) now.textContent = clock(at);
    const row = this.row ? document.getElementById(this.row.id) : this.playing ? this.rowAt(at) : null;
    if (row !== this.marked) {
      this.marked?.classList.remove("playing");
      this.icon(this.marked, false);
      this.marked = row;
    }
    row?.classList.toggle("playing", this.playing);
    this.icon(row, this.playing && this.row !== null);
    const part = document.getElementById("now-playing");
    if (part && this.duration) {
      const from = row ? Number(row.dataset["start"]) : 0;
      const to = row ? Number(row.dataset["end"]) : 0;
      part.setAttribute("x", String((from / this.duration) * WIDTH));
      part.setAttribute("width", String(((to - from) / this.duration) * WIDTH));
    }
    const button = document.getElementById("play-whole");
    button?.querySelector("path")?.setAttribute("d", this.playing ? PAUSE : PLAY);
    button?.setAttribute("aria-label", this.playing ? "Pause" : "Play");
  }

  private icon(row: HTMLElement | null, playing: boolean): void {
    row?.querySelector(".play path")?.setAttribute("d", playing ? PAUSE : PLAY);
  }
}

function offer(ms: number): void {
  document.querySelector(".toast")?.remove();
  const toast = document.createElement("p");
  toast.className = "toast";
  toast.setAttribute("role", "status");
  const link = document.createElement("a");
  link.href = `?at=${Math.round(ms)}`;
  link.textContent = "Go there";
  toast.append(`${clock(ms)} is on another page.`, link);
  document.body.append(toast);
  window.setTimeout(() => toast.remove(), 8_000);
}
