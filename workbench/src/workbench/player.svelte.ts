// The sound of one segment: from its beginning to its end and no further, at any speed, in a loop if
// wanted. The element is wavesurfer's as well, which draws and moves the cursor.

import type { Clip } from "./clips";
import { TypingPause, type WhileTyping } from "./typing";

/** What is played before and after, so that no sound is cut off. */
const LEAD_MS = 120;
const LAST_MS = 180;

export const SPEEDS = [0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.1, 1.25, 1.4, 1.5, 1.75, 2] as const;

export class Player {
  readonly audio = new Audio();
  clip = $state.raw<Clip | null>(null);
  playing = $state(false);
  /** Where it is, in the recording. */
  at = $state(0);
  speed = $state(1);
  loop = $state(false);
  /** The browser wants a click before it plays anything. */
  blocked = $state(false);
  readonly typing: TypingPause;
  /** Told which stretch was played. */
  played: (from: number, to: number) => void = () => undefined;

  private start = 0;
  private end = 0;
  private last = 0;
  private frame = 0;

  constructor() {
    this.audio.preload = "auto";
    const player = this;
    this.typing = new TypingPause({
      get playing() {
        return player.playing;
      },
      pause: () => this.audio.pause(),
      back: (ms) => this.seek(Math.max(this.start, this.at - ms)),
      play: () => void this.go(),
    });
    this.audio.addEventListener("play", () => {
      this.playing = true;
      this.last = this.now;
      this.frame ||= requestAnimationFrame(() => this.tick());
    });
    for (const name of ["pause", "ended"] as const) {
      this.audio.addEventListener(name, () => {
        this.passed();
        this.playing = false;
      });
    }
    this.audio.addEventListener("seeked", () => {
      this.last = this.at = this.now;
    });
    // Frames stop while the tab is hidden; the end of the segment must not be passed meanwhile.
    this.audio.addEventListener("timeupdate", () => this.passed());
  }

  /** Take a segment's clip; plays from its beginning when asked to. */
  load(clip: Clip, start: number, end: number, play: boolean): void {
    this.typing.forget();
    this.start = start;
    this.end = end;
    if (this.clip?.url !== clip.url) {
      this.audio.pause();
      this.clip = clip;
      this.audio.src = clip.url;
    }
    this.setSpeed(this.speed);
    this.seek(this.beginning);
    if (play) void this.go();
  }

  unload(): void {
    this.typing.forget();
    this.audio.pause();
    this.clip = null;
    this.audio.removeAttribute("src");
  }

  /** Other edges of what is loaded. */
  bounds(start: number, end: number): void {
    this.start = start;
    this.end = end;
  }

  toggle(): void {
    this.typing.forget();
    if (this.playing) this.audio.pause();
    else {
      if (this.at >= this.finish - 30) this.seek(this.beginning);
      void this.go();
    }
  }

  replay(): void {
    this.typing.forget();
    this.seek(this.beginning);
    void this.go();
  }

  pause(): void {
    this.typing.forget();
    this.audio.pause();
  }

  /** Back or on by some time; starts to play, which is what it is pressed for. */
  skip(ms: number): void {
    this.typing.forget();
    const clip = this.clip;
    if (!clip) return;
    this.seek(Math.max(clip.from, Math.min(this.finish - 50, this.at + ms)));
    void this.go();
  }

  /** Play on from a time of the recording. */
  from(ms: number): void {
    this.typing.forget();
    this.seek(ms);
    void this.go();
  }

  seek(ms: number): void {
    const clip = this.clip;
    if (!clip) return;
    this.mark();
    this.at = this.last = ms;
    this.audio.currentTime = Math.max(0, (ms - clip.from) / 1000);
  }

  setSpeed(speed: number): void {
    this.speed = Math.max(0.5, Math.min(2, speed));
    this.audio.preservesPitch = true;
    this.audio.defaultPlaybackRate = this.audio.playbackRate = this.speed;
  }

  step(by: 1 | -1): void {
    const nearest = SPEEDS.reduce((best, speed, index) => (Math.abs(speed - this.speed) < Math.abs((SPEEDS[best] ?? 1) - this.speed) ? index : best), 0);
    this.setSpeed(SPEEDS[Math.max(0, Math.min(SPEEDS.length - 1, nearest + by))] ?? 1);
  }

  whileTyping(how: { auto_pause: WhileTyping; resume_ms: number; rewind_ms: number }): void {
    this.typing.mode = how.auto_pause;
    this.typing.resumeMs = how.resume_ms;
    this.typing.rewindMs = how.rewind_ms;
  }

  private get now(): number {
    return (this.clip?.from ?? 0) + this.audio.currentTime * 1000;
  }

  private get beginning(): number {
    return Math.max(this.clip?.from ?? 0, this.start - LEAD_MS);
  }

  private get finish(): number {
    return Math.min(this.clip?.to ?? Infinity, this.end + LAST_MS);
  }

  private async go(): Promise<void> {
    try {
      await this.audio.play();
      this.blocked = false;
    } catch (error) {
      this.blocked = error instanceof DOMException && error.name === "NotAllowedError";
    }
  }

  private tick(): void {
    this.frame = 0;
    this.passed();
    if (this.playing) this.frame = requestAnimationFrame(() => this.tick());
  }

  /** Count what was played since the last look. */
  private mark(): void {
    const now = this.now;
    if (now > this.last) this.played(this.last, now);
    this.last = this.at = now;
  }

  private passed(): void {
    this.mark();
    if (this.audio.paused || this.at < this.finish) return;
    if (this.loop || this.typing.loops) this.seek(this.beginning);
    else this.audio.pause();
  }
}
