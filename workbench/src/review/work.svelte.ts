// What all reviewing has in common: one segment at a time with its sound, how much of it was heard, and what
// is said to the person.

import { Clips } from "../workbench/clips";
import { Active, Heard } from "../workbench/heard";
import { Player } from "../workbench/player.svelte";
import type { Heard as Shown } from "./api";

const CONTEXT_MS = 1_000;
const RENEW_MS = 45_000;

export interface Told {
  project: string;
  project_name: string;
  username: string;
  mode: "review" | "disputes" | "gold";
  home: string;
}

export class Desk {
  readonly player = new Player();
  readonly clips = new Clips(CONTEXT_MS);
  share = $state(0);
  said = $state("");
  trouble = $state("");
  busy = $state(false);
  done = $state(false);
  /** How many were dealt with since the page was opened. */
  count = $state(0);
  private heard = new Heard(0, 0);
  private active = new Active(Date.now());
  private timer: number | undefined;
  private turn = 0;

  constructor(readonly given: Told) {
    this.player.played = (from, to) => {
      this.heard.mark(from, to);
      this.share = this.heard.share;
      this.active.mark(Date.now());
    };
  }

  /** Show a segment: play it from its beginning, and count anew. */
  async open(segment: Shown): Promise<void> {
    const turn = ++this.turn;
    this.heard = new Heard(segment.start_ms, segment.end_ms);
    this.active = new Active(Date.now());
    this.share = 0;
    this.trouble = "";
    const clip = await this.clips.get(segment, Infinity);
    if (turn !== this.turn) return; // the sound of a segment that was left
    if (clip) this.player.load(clip, segment.start_ms, segment.end_ms, true);
    else this.trouble = "The sound cannot be had just now.";
  }

  /** Do one thing at a time: what is asked for meanwhile is not done. */
  async alone(act: () => Promise<void>): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    try {
      await act();
    } finally {
      this.busy = false;
    }
  }

  /** Have the sound of what comes next at hand. */
  ahead(segment: Shown): void {
    void this.clips.get(segment, Infinity);
  }

  evidence(): { heard_share: number; active_ms: number } {
    this.active.mark(Date.now());
    return { heard_share: Math.round(this.share * 1000) / 1000, active_ms: Math.min(this.active.ms, 3_600_000) };
  }

  /** Hold on to what is open for as long as it is. */
  keep(renew: () => void): void {
    window.clearInterval(this.timer);
    this.timer = window.setInterval(renew, RENEW_MS);
  }

  stop(): void {
    window.clearInterval(this.timer);
    this.player.unload();
    this.done = true;
  }

  /** The keys that play; says whether it was one. */
  sound(code: string): boolean {
    if (code === "Space") this.player.toggle();
    else if (code === "KeyP") this.player.replay();
    else if (code === "KeyH" || code === "ArrowLeft") this.player.skip(-1_000);
    else if (code === "KeyL" || code === "ArrowRight") this.player.skip(1_000);
    else if (code === "Comma") this.player.step(-1);
    else if (code === "Period") this.player.step(1);
    else return false;
    return true;
  }
}

/** A key that is nobody else's: pressed outside fields, alone. */
export function plain(event: KeyboardEvent): boolean {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.repeat) return false;
  const target = event.target;
  if (!(target instanceof HTMLElement)) return true;
  if (target.matches("input, select, textarea, [contenteditable]")) return false;
  return !(target.closest("button, a, summary") && (event.code === "Space" || event.code === "Enter"));
}
