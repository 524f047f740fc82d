// What is typed and not decided: kept in this browser first, at the server a moment later, never lost between.

import { isPassing } from "../http";
import { again } from "../order";
import { api } from "./api";
import { newer, type Draft } from "./keep";
import { State } from "./state.svelte";

const KEEP_MS = 150;
const DRAFT_MS = 800;
const RESEND_MS = 5_000;

export abstract class Drafting extends State {
  /** The newest draft of a segment that is to be sent. */
  protected readonly unput = new Map<string, { text: string; base: number }>();
  /** What this browser kept when the page was opened, of segments not opened since. */
  protected readonly before = new Map<string, Draft>();
  private readonly sent = new Map<string, readonly string[]>();
  private readonly puts = new Map<string, () => Promise<void>>();
  private readonly putting = new Map<string, Promise<void>>();

  /** Bring drafts that an earlier page left in this browser to the server, where it has not got them. */
  protected async compare(drafts: readonly Draft[]): Promise<void> {
    if (!drafts.length) return;
    const answer = await api.drafts(this.given.project);
    if (!answer.ok) return;
    const there = new Map(answer.value.results.map((draft) => [draft.segment, draft]));
    for (const draft of drafts) {
      if (!this.kept.has(draft.segment) || this.current === draft.segment || this.outbox?.of(draft.segment)) continue;
      const remote = there.get(draft.segment);
      // The same, or typed later in another browser: the site has the newest.
      if (remote && (remote.text === draft.text || !newer(draft, remote))) this.kept.set(draft.segment, true);
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
      if (this.current !== id || this.segment?.id !== id) return;
      if (this.dirty) void this.keepNow(id, this.text, this.base, this.stood);
      else this.settle(id);
    }, KEEP_MS);
    this.draftTimer = window.setTimeout(() => {
      if (this.current === id && this.dirty) void this.sendDraft(id, this.text, this.base);
    }, DRAFT_MS);
  }

  protected async keepNow(id: string, text: string, base: number, baseText: string): Promise<void> {
    this.kept.set(id, false);
    if (id !== this.current) this.before.delete(id);
    const kept = await this.keep?.write({ segment: id, text, base, baseText, at: Date.now(), sent: this.sent.get(id) ?? [] });
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

  /** Bring a draft to the server: one after another for a segment, and only the newest of those that wait. */
  protected sendDraft(id: string, text: string, base: number): Promise<void> {
    this.unput.set(id, { text, base });
    let put = this.puts.get(id);
    if (!put) {
      put = again(() => this.putDraft(id));
      this.puts.set(id, put);
    }
    const done = put().finally(() => this.putting.get(id) === done && this.putting.delete(id));
    this.putting.set(id, done);
    return done;
  }

  /** Wait until no draft of a segment is on its way. */
  protected async drafted(id: string): Promise<void> {
    await this.putting.get(id)?.catch(() => undefined);
  }

  private async putDraft(id: string): Promise<void> {
    const draft = this.unput.get(id);
    this.unput.delete(id);
    if (!draft) return;
    const { text, base } = draft;
    // At most one is on its way, so the site has this one or the one before.
    this.sent.set(id, [...(this.sent.get(id) ?? []).slice(-1), text]);
    void this.keep?.mark(id, this.sent.get(id) ?? []);
    this.sending++;
    this.relight();
    const answer = await api.draft(id, text, base);
    this.sending--;
    if (answer.ok && this.kept.has(id) && !this.unput.has(id) && (this.current !== id || this.text === text)) this.kept.set(id, true);
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
    if (first === this.current && this.segment) {
      this.newer = { text, by: "You, before it was cut", machine: false, own: true };
      return this.settle(from);
    }
    this.conflicts = [...new Set([...this.conflicts, first])];
    void (async () => {
      // Of two that were joined both may have had one.
      const there = await this.keep?.draft(first);
      const both = there && there.base === 0 && there.text !== text ? `${there.text} ${text}` : text;
      // It stands on no revision of the new segment: opening that shows both texts.
      await this.keepNow(first, both, 0, "");
      this.settle(from);
    })();
  }

  /** The server has the text, or it is what it was: nothing needs keeping. */
  protected settle(id: string): void {
    this.kept.delete(id);
    this.before.delete(id);
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
