// Opening a segment and leaving it: its text, what was typed before, its sound, the lease, the two after it.

import type { Refusal } from "../http";
import { api, client } from "./api";
import { Drafting } from "./drafting";
import { Active, Heard } from "./heard";
import { newer } from "./keep";
import { byTime, neighbour } from "./list";
import { slim, type Holder } from "./offers";
import type { Entry } from "./outbox";
import type { Brief, Row, Segment } from "./types";

const LEASE_AFTER_MS = 180;
export const RENEW_MS = 30_000;
const AHEAD = 2;
/** So long may the sound before be heard again by its keys, while that of the open segment is fetched. */
const CLIP_WAIT_MS = 150;

export abstract class Opening extends Drafting {
  protected fetchDetail(id: string): Promise<Segment | null> {
    const under = this.details.get(id);
    if (under) return under;
    const promise: Promise<Segment | null> = api.segment(id).then((answer) => {
      // It changed while this was on its way: what came is old.
      if (this.details.get(id) !== promise) return this.fetchDetail(id);
      this.details.delete(id);
      if (!answer.ok) {
        if (answer.refusal.status === 410) this.drop([id]);
        return null;
      }
      this.ready.set(id, answer.value);
      if (this.ready.size > 40) {
        const oldest = [...this.ready.keys()].find((key) => key !== this.current);
        if (oldest !== undefined) this.ready.delete(oldest);
      }
      return answer.value;
    });
    this.details.set(id, promise);
    return promise;
  }

  protected forget(id: string): void {
    this.ready.delete(id);
    this.details.delete(id);
  }

  async open(id: string, how: { play?: boolean; focus?: boolean; caret?: number } = {}): Promise<void> {
    if (id === this.current && this.segment) {
      if (how.focus !== false) this.focusBox(how.caret);
      return;
    }
    const turn = ++this.opened;
    this.close();
    this.current = id;
    this.segment = null;
    this.text = this.stood = this.row(id)?.head ?? "";
    this.checks = [];
    this.conflict = this.newer = this.holder = null;
    this.restored = null;
    this.overridden = this.wanted = "";
    this.done = false;
    let ready = this.ready.get(id);
    if (ready && ready.revision < (this.row(id)?.revision ?? 0)) ready = undefined;
    if (ready) this.show(ready, how);
    const detail = ready ?? (await this.fetchDetail(id));
    if (turn !== this.opened) return;
    if (detail === null) {
      this.player.unload();
      this.trouble = "The site cannot be reached, and this segment was not fetched before. It opens as soon as the line is back.";
      return;
    }
    if (!ready) this.show(detail, how);
    void this.restore(detail);
    if (await this.sound(detail, how.play ?? true)) this.ahead();
  }

  /** Have the sound of the open segment; false when the person has gone on meanwhile. */
  protected async sound(detail: Segment, play: boolean): Promise<boolean> {
    const turn = this.opened;
    const silence = window.setTimeout(() => turn === this.opened && this.player.clip?.segment !== detail.id && this.player.unload(), CLIP_WAIT_MS);
    const clip = await this.clips.get(detail, this.recording.duration_ms);
    window.clearTimeout(silence);
    if (turn !== this.opened) return false;
    if (clip) this.player.load(clip, detail.start_ms, detail.end_ms, play && this.settings.playback.autoplay);
    else {
      this.player.unload();
      this.say("The sound cannot be had just now. It is fetched again as soon as the line is back.");
    }
    return true;
  }

  protected show(detail: Segment, how: { focus?: boolean; caret?: number }): void {
    this.trouble = "";
    this.segment = detail;
    this.base = detail.revision;
    this.text = this.stood = detail.text;
    this.heard = new Heard(detail.start_ms, detail.end_ms);
    this.share = 0;
    this.active = new Active(Date.now());
    this.touchedAt = Date.now();
    this.holder = this.holds(detail);
    window.clearTimeout(this.leaseTimer);
    if (!detail.locked) this.leaseTimer = window.setTimeout(() => void this.lease(), LEASE_AFTER_MS);
    if (how.focus !== false) this.focusBox(how.caret ?? "end");
  }

  /** Who else has the segment open. */
  private holds(detail: Segment): Holder | null {
    const lease = detail.lease;
    return lease && !(lease.mine && (lease.client === client || lease.client === null)) ? { name: lease.name || lease.holder, yours: lease.mine } : null;
  }

  /** Bring back what was typed before, or what waits for a choice. */
  protected async restore(detail: Segment): Promise<void> {
    const id = detail.id;
    await this.taken;
    if (this.current !== id) return;
    let waiting = this.outbox?.of(id) ?? null;
    if (waiting?.refusal && waiting.refusal.code !== "stale_revision") {
      // The row was somebody else's when this was decided: what was written is a draft now, kept when it was refused.
      this.outbox?.take(waiting.operation);
      this.conflicts = this.conflicts.filter((one) => one !== id);
      waiting = null;
      this.relight();
    }
    if (waiting && typeof waiting.body["text"] === "string") {
      if (this.dirty && waiting.refusal) waiting.body = { ...waiting.body, text: this.text };
      else if (this.dirty) return this.putBeside(waiting.body["text"]);
      this.text = String(waiting.body["text"]);
      if (waiting.refusal?.code === "stale_revision") this.showConflict(waiting, waiting.refusal);
      else if (!waiting.refusal) this.stood = this.text;
      return;
    }
    // What was kept before this page, also where more was typed since and kept over it.
    const before = this.before.get(id);
    this.before.delete(id);
    const kept = (await this.keep?.draft(id)) ?? null;
    if (this.current !== id) return;
    const local = before && (this.typedHere.has(id) || !kept || kept.at <= before.at) ? before : kept;
    const remote = detail.draft;
    const draft =
      local && (!remote || this.typedHere.has(id) || newer(local, remote))
        ? local
        : remote && { segment: id, text: remote.text, base: remote.base_revision, baseText: "", at: Date.parse(remote.at) };
    if (!draft) return;
    if (this.dirty) return this.putBeside(draft.text);
    if (draft.text === detail.text) return this.settle(id);
    if (detail.locked) {
      // The box shows what is locked; the person's own text stands beside it.
      this.newer = { text: draft.text, by: "You, not saved", machine: false, own: true };
      return;
    }
    if (draft.base === detail.revision) {
      this.text = draft.text;
      this.restored = draft.at;
      if (!local) this.scheduleKeep();
      return;
    }
    const began = draft.baseText || detail.history.find((version) => version.number === draft.base)?.text || "";
    const last = detail.history[0];
    this.text = draft.text;
    this.conflict = { segment: id, mine: draft.text, theirs: detail.text, base: began, revision: detail.revision, by: last?.author ?? last?.model ?? null, at: last?.created_at ?? null, entry: null };
  }

  /** More was typed before the store was open: what it held stands beside. */
  private putBeside(text: string): void {
    if (text !== this.text) this.newer ??= { text, by: "You, before", machine: false, own: true };
  }

  protected showConflict(entry: Entry, refusal: Refusal): void {
    const detail = refusal.detail;
    if (refusal.code !== "stale_revision") {
      // Locked, leased or cut anew: the text is kept as a draft, and the row says why it cannot go in.
      this.outbox?.take(entry.operation);
      this.conflicts = this.conflicts.filter((id) => id !== entry.segment);
      this.trouble = refusal.message;
      // Not saved: what is in the box is the person's own again, and no machine's text to be accepted.
      if (this.current === entry.segment && this.segment) this.stood = this.segment.text;
      this.relight();
      return;
    }
    const text = (name: string) => (typeof detail[name] === "string" ? (detail[name] as string) : "");
    this.conflict = { segment: entry.segment, mine: String(entry.body["text"] ?? detail["mine"] ?? ""), theirs: text("theirs"), base: text("base"), revision: Number(detail["revision"]), by: text("by") || null, at: text("at") || null, entry };
    this.text = this.conflict.mine;
  }

  /** The person goes on: keep what was typed, give the row back. */
  protected close(): void {
    const id = this.current;
    window.clearTimeout(this.leaseTimer);
    this.player.pause();
    if (id === null || !this.segment) return;
    window.clearTimeout(this.keepTimer);
    if (this.dirty && !this.conflict) void this.keepNow(id, this.text, this.base, this.stood);
    window.clearTimeout(this.draftTimer);
    if (this.dirty && !this.segment.locked) void this.sendDraft(id, this.text, this.base);
    if (this.token !== null && !this.outbox?.of(id)) void api.release(id);
    this.token = null;
  }

  protected ahead(): void {
    const next = this.upcoming(AHEAD);
    void (async () => {
      for (const id of next) {
        const detail = this.ready.get(id) ?? (await this.fetchDetail(id));
        if (detail && detail.recording === this.recording.id) void this.clips.get(detail, this.recording.duration_ms);
      }
    })();
  }

  protected upcoming(many: number): string[] {
    const found: string[] = [];
    for (let at = this.current, n = 0; n < many; n++) {
      const next = neighbour(this.shown, this.rows, at, 1);
      if (!next) break;
      found.push(next.id);
      at = next.id;
    }
    return found;
  }

  move(step: 1 | -1, focus = true): void {
    const next = neighbour(this.shown, this.rows, this.current, step);
    if (next) void this.open(next.id, { focus });
    else this.say(step > 0 ? "That was the last of the list." : "This is the first of the list.");
  }

  /** The segment at a time of the recording, or the nearest. */
  async goTo(ms: number): Promise<void> {
    if (ms >= (this.rows.at(-1)?.end_ms ?? 0)) await this.resting;
    const row = this.rows.find((one) => one.start_ms <= ms && ms < one.end_ms) ?? this.rows.reduce<Row | null>((best, one) => (!best || Math.abs(one.start_ms - ms) < Math.abs(best.start_ms - ms) ? one : best), null);
    if (row) await this.open(row.id).then(() => ms >= row.start_ms && ms < row.end_ms && this.player.clip && this.player.from(ms));
  }

  /** Read the open segment anew: something happened to it. */
  protected async reread(): Promise<void> {
    const id = this.current;
    if (id === null || !this.segment) return;
    const asked = this.order.ask();
    const answer = await api.segment(id);
    if (!answer.ok || this.current !== id || !this.segment || this.outbox?.of(id)) return;
    const fresh = answer.value;
    if (fresh.revision < this.base || !this.order.newest(`open ${id}`, asked)) return;
    this.ready.set(id, fresh);
    const was = this.segment;
    this.segment = fresh;
    if (this.token === null) {
      const [before, holder] = [this.holder, this.holds(fresh)];
      if (before?.name !== holder?.name) this.holder = holder;
      if (before && !holder) void this.lease();
    }
    if (fresh.locked && !was.locked) {
      this.token = null;
      if (this.dirty) this.say(`Locked by ${fresh.locked_by ?? "somebody"} meanwhile. Your text is kept here.`);
    }
    if (!fresh.locked && was.locked) void this.lease();
    if (fresh.revision === this.base) return;
    const machine = fresh.source === "draft" || fresh.source === "refine";
    const last = fresh.history[0];
    // What a person saved is shown at once where nothing was typed: one may have waited for them with the caret here.
    if (this.dirty || (machine && document.activeElement?.id === "text")) {
      if (fresh.text === this.text) {
        this.base = fresh.revision;
        this.stood = fresh.text;
        this.newer = null;
        return;
      }
      // A machine's newer text stands beside the person's; a person's waits for a choice on saving.
      this.newer = fresh.text === this.stood ? null : { text: fresh.text, by: machine ? (last?.model ?? "") : (last?.author ?? "somebody"), machine };
      if (machine || fresh.text === this.stood) this.base = fresh.revision;
      if (machine) this.say("A better text has arrived; it is beside yours.");
      return;
    }
    this.base = fresh.revision;
    this.text = this.stood = fresh.text;
    this.newer = null;
  }

  protected reshapedAway(made: readonly string[], by: string): void {
    const mine = this.dirty ? this.text : "";
    this.say(`${by} cut this segment anew.${mine ? " What you typed is kept in the first of the new ones." : ""}`);
    const first = made[0];
    this.segment = null;
    if (first !== undefined) void this.open(first, { play: false }).then(() => mine && this.current === first && this.segment && (this.newer = { text: mine, by: "You, before it was cut", machine: false, own: true }));
  }

  async lease(take = false): Promise<void> {
    const segment = this.segment;
    if (!segment || segment.locked || !this.given.may_edit) return;
    this.leaseAt = Date.now();
    const answer = await api.lease(segment.id, take);
    if (this.current !== segment.id) {
      if (answer.ok && !this.outbox?.of(segment.id)) void api.release(segment.id);
      return;
    }
    if (answer.ok) {
      this.token = answer.value.token;
      this.holder = null;
    } else if (answer.refusal.code === "leased") {
      this.token = null;
      const detail = answer.refusal.detail;
      this.holder = { name: String(detail["name"] || detail["holder"] || "Somebody"), yours: detail["yours"] === true };
    } else if (answer.refusal.code === "locked") void this.reread();
  }

  /** Tell whoever holds the open row that this person would like it. */
  async askFor(): Promise<void> {
    const [segment, holder] = [this.segment, this.holder];
    if (!segment || !holder) return;
    const answer = await api.ask(segment.id);
    if (this.current !== segment.id) return;
    if (answer.ok) this.holder = { ...holder, asked: true };
    else if (answer.refusal.status === 409) void this.lease();
    else this.say(answer.refusal.message);
  }

  protected renew(): void {
    const now = Date.now();
    // A lease that runs out is not announced.
    if (this.holder && !document.hidden) void this.reread();
    if (this.token !== null && now - this.leaseAt >= RENEW_MS && now - this.touchedAt < 2 * RENEW_MS) void this.lease();
  }

  protected leaseChanged(id: string, holder: string | null, name: string): void {
    const mine = holder === this.given.username;
    this.change(id, { lease: holder ? { holder, name, mine, client: null, expires_at: "" } : null });
    if (id !== this.current || mine) return;
    if (holder) {
      if (this.token === null) this.holder = { name, yours: false };
    } else if (this.holder) {
      // It is free: take it, and show what became of it meanwhile.
      this.holder = null;
      void this.lease();
      void this.reread();
    }
  }

  protected apply(segments: readonly Brief[], retired: readonly string[]): void {
    this.drop(retired);
    const known = new Map(this.rows.map((row) => [row.id, row]));
    for (const id of retired) {
      this.forget(id);
      this.clips.drop(id);
      this.settle(id);
    }
    for (const one of segments) {
      known.set(one.id, slim(one, known.get(one.id)?.index ?? 0));
      this.forget(one.id);
    }
    this.rows = [...known.values()].sort(byTime);
  }
}
