// What is typed and not decided: kept in this browser first, at the server a moment later, never lost between.

import { isPassing } from "../http";
import { api } from "./api";
import type { Draft } from "./keep";
import { State } from "./state.svelte";

const KEEP_MS = 150;
const DRAFT_MS = 800;
const RESEND_MS = 5_000;

export abstract class Drafting extends State {
  /** Bring drafts that an earlier page left in this browser to the server, where it has not got them. */
  protected async compare(drafts: readonly Draft[]): Promise<void> {
    if (!drafts.length) return;
    const answer = await api.drafts(this.given.project);
    if (!answer.ok) return;
    const there = new Map(answer.value.results.map((draft) => [draft.segment, draft.text]));
    for (const draft of drafts) {
      if (!this.kept.has(draft.segment) || this.current === draft.segment || this.outbox?.of(draft.segment)) continue;
      if (there.get(draft.segment) === draft.text) this.kept.set(draft.segment, true);
      else if (!(await this.tidy(draft.segment))) await this.sendDraft(draft.segment, draft.text, draft.base);
    }
    this.relight();
  }

  /** Forget a kept text that the segment has by now: its save got through, and the page went before it knew. */
  protected async tidy(id: string): Promise<boolean> {
    const draft = await this.keep?.draft(id);
    if (!draft) return true;
    if (this.outbox?.of(id)) return false;
    const answer = await api.segment(id);
    if (!answer.ok || answer.value.text !== draft.text || this.current === id || this.outbox?.of(id)) return false;
    if (answer.value.draft) void api.forgetDraft(id);
    this.settle(id);
    return true;
  }

  protected scheduleKeep(): void {
    const segment = this.segment;
    if (!segment || segment.locked) return;
    window.clearTimeout(this.keepTimer);
    window.clearTimeout(this.draftTimer);
    const id = segment.id;
    this.keepTimer = window.setTimeout(() => {
      if (this.current !== id) return;
      if (this.dirty) void this.keepNow(id, this.text, this.base, this.stood);
      else this.settle(id);
    }, KEEP_MS);
    this.draftTimer = window.setTimeout(() => {
      if (this.current === id && this.dirty) void this.sendDraft(id, this.text, this.base);
    }, DRAFT_MS);
  }

  protected async keepNow(id: string, text: string, base: number, baseText: string): Promise<void> {
    this.kept.set(id, false);
    const kept = await this.keep?.write({ segment: id, text, base, baseText, at: Date.now() });
    this.refusedKeep = kept === false;
    this.relight();
  }

  /** Everything typed reaches the disk before the page goes. */
  flush(): void {
    const segment = this.segment;
    if (!segment || !this.dirty || segment.locked || this.conflict) return;
    void this.keepNow(segment.id, this.text, this.base, this.stood);
    void api.draft(segment.id, this.text, this.base, true);
  }

  protected async sendDraft(id: string, text: string, base: number): Promise<void> {
    this.sending++;
    this.relight();
    const answer = await api.draft(id, text, base);
    this.sending--;
    if (answer.ok && this.kept.has(id) && (this.current !== id || this.text === text)) this.kept.set(id, true);
    if (this.outbox && !answer.ok && answer.refusal.status === 0) this.outbox.offline = true;
    else if (this.outbox && answer.ok && this.outbox.offline) {
      this.outbox.offline = false;
      this.outbox.now();
    }
    if (!answer.ok && isPassing(answer.refusal)) {
      window.clearTimeout(this.resendTimer);
      this.resendTimer = window.setTimeout(() => void this.resend(), RESEND_MS);
    } else if (!answer.ok && answer.refusal.code === "reshaped") this.inherit(id, answer.refusal.detail["into"], text);
    this.relight();
  }

  /** Send the texts that only this browser has. */
  protected async resend(): Promise<void> {
    for (const [id, there] of [...this.kept]) {
      if (there || this.outbox?.of(id)) continue;
      const open = id === this.current && this.dirty && !this.conflict;
      const draft = open ? { text: this.text, base: this.base } : await this.keep?.draft(id);
      if (draft) await this.sendDraft(id, draft.text, draft.base);
      if (this.outbox?.offline) return;
    }
  }

  /** A segment was cut anew while a text of it waited: it waits at the first of the new ones, with a choice. */
  protected inherit(from: string, into: unknown, text: string): void {
    const first: unknown = Array.isArray(into) ? into[0] : undefined;
    this.conflicts = this.conflicts.filter((id) => id !== from);
    if (typeof first !== "string") return;
    // It stands on no revision of the new segment: opening that shows both texts.
    void this.keepNow(first, text, 0, "").then(() => this.settle(from));
    this.conflicts = [...new Set([...this.conflicts, first])];
  }

  /** The server has the text, or it is what it was: nothing needs keeping. */
  protected settle(id: string): void {
    this.kept.delete(id);
    void this.keep?.forget(id);
    this.relight();
  }

  /** Throw away what was typed. */
  discard(): void {
    const segment = this.segment;
    if (!segment) return;
    this.text = this.stood = segment.text;
    this.base = segment.revision;
    this.restored = null;
    this.conflict = this.newer = null;
    this.conflicts = this.conflicts.filter((id) => id !== segment.id);
    this.settle(segment.id);
    void api.forgetDraft(segment.id);
    this.focusBox("end");
  }
}
