// Decisions: looked over, sent behind the person's back, taken back, and settled where two texts met.

import { send, uuid, type Answer, type Refusal } from "../http";
import { addresses, api, client, type Undone } from "./api";
import { checksOf, type Check } from "./checks";
import { neighbour } from "./list";
import { slim } from "./offers";
import { Opening } from "./opening";
import type { Entry } from "./outbox";
import type { Brief, Row, Segment } from "./types";

const MEASURE_MS = 4_000;

export abstract class Deciding extends Opening {
  typed(text: string): void {
    this.text = text;
    if (this.current !== null) this.typedHere.add(this.current);
    this.touchedAt = Date.now();
    this.active.mark(this.touchedAt);
    this.restored = null;
    if (this.checks.length) this.checks = this.look();
    this.overridden = "";
    this.player.typing.typed();
    this.scheduleKeep();
    if (this.token === null && !this.holder && Date.now() - this.leaseAt > 5_000) void this.lease();
  }

  look(): Check[] {
    const segment = this.segment;
    if (!segment) return [];
    return checksOf({ text: this.text, segment, language: segment.language || this.recording.language || this.given.language, glossary: segment.glossary ?? [], spelling: segment.spelling, tags: segment.tags ?? [], heard: this.heard.share });
  }

  /** The one key: save what was changed, accept what was not, go on. Warnings are shown first. */
  confirm(how: { stay?: boolean; focus?: boolean } = {}): void {
    const segment = this.segment;
    if (!segment) return;
    if (this.conflict) return this.say("Choose one of the texts first.");
    if (!this.editable) {
      if (!how.stay) this.move(1, how.focus);
      return;
    }
    const unchanged = !this.dirty;
    if (unchanged && !this.newer && (this.row(segment.id)?.state === "corrected" || this.outbox?.of(segment.id))) {
      // Decided already: a second press, or a walk through finished work, is no second decision.
      if (how.stay) return this.say("Nothing has changed.");
      return this.given.queue ? void this.serve(how.focus) : this.move(1, how.focus);
    }
    const overrode = this.stops();
    if (overrode === null) return;
    const text = this.text;
    const body: Record<string, unknown> = unchanged && !this.newer ? { decision: "accept" } : { text };
    this.decide(segment, { ...body, ...(overrode.length ? { overrode } : {}) }, unchanged ? "Accepted" : "Saved", { state: "corrected", head: text.slice(0, 80), annotator: this.given.username }, how);
  }

  /** The warnings that the present text overrides; null when they are only shown now. */
  protected stops(): string[] | null {
    const found = this.look();
    const warnings = found.filter((check) => check.severity === "warning").map((check) => check.code);
    const sign = `${warnings.join()}|${this.text}`;
    this.checks = found;
    if (warnings.length && this.overridden !== sign) {
      this.overridden = sign;
      this.say(`${found.filter((check) => check.severity === "warning").map((check) => check.message).join(" ")} Press again to save anyway.`);
      return null;
    }
    return warnings;
  }

  acceptMachine(): void {
    const segment = this.segment;
    if (!segment || !this.editable) return;
    if (this.dirty) return this.say("You have changed the text: save it, or discard your changes first.");
    this.confirm({ focus: false });
  }

  skip(reason: string): void {
    const segment = this.segment;
    if (!segment || !this.editable) return;
    const body = { decision: "skip", reason, ...(this.dirty ? { text: this.text } : {}) };
    this.decide(segment, body, "Skipped", { state: "skipped" }, {});
  }

  unintelligible(): void {
    const segment = this.segment;
    if (!segment || !this.editable) return;
    const text = this.dirty && this.text.includes("[unintelligible]") ? this.text : "[unintelligible]";
    this.decide(segment, { decision: "unintelligible", text }, "Marked unintelligible", { state: "corrected", head: text, annotator: this.given.username }, {});
  }

  protected decide(segment: Segment, what: Record<string, unknown>, label: string, look: Partial<Row>, how: { stay?: boolean; focus?: boolean }): void {
    const operation = uuid();
    const stay = how.stay ?? false;
    this.active.mark(Date.now());
    const body: Record<string, unknown> = {
      ...what,
      base_revision: this.base,
      operation_id: operation,
      heard_share: Math.round(this.heard.share * 1000) / 1000,
      active_ms: Math.min(this.active.ms, 3_600_000),
      client,
    };
    if (this.token !== null) body["lease"] = this.token;
    if (!stay && this.token !== null) body["release"] = true;
    window.clearTimeout(this.keepTimer);
    window.clearTimeout(this.draftTimer);
    this.unput.delete(segment.id);
    // Decided anew: what was refused of it is settled by that, or refused once more.
    const stuck = this.outbox?.of(segment.id);
    if (stuck?.refusal) this.outbox?.take(stuck.operation);
    this.conflicts = this.conflicts.filter((id) => id !== segment.id);
    const text = typeof what["text"] === "string" ? what["text"] : this.text;
    this.text = this.stood = text;
    this.newer = null;
    this.checks = [];
    this.undo.push({ operation, segment: segment.id, label });
    this.undoable = this.undo.size;
    this.outbox?.add({ operation, segment: segment.id, at: Date.now(), method: "PATCH", address: addresses.save(segment.id), body: body as Record<string, unknown>, refusal: null });
    this.settle(segment.id);
    const next = stay ? null : neighbour(this.shown, this.rows, segment.id, 1);
    this.change(segment.id, look);
    this.forget(segment.id);
    this.say(`${label}.`);
    if (stay) return;
    this.token = null;
    if (this.given.queue) void this.serve(how.focus);
    else if (next) void this.open(next.id, how.focus === undefined ? {} : { focus: how.focus });
    else {
      this.player.pause();
      this.say(`${label}. That was the last of the list.`);
      this.done = true;
    }
  }

  protected async deliver(entry: Entry): Promise<Answer<unknown>> {
    // A draft that arrives after the decision it became would come back as a text of its own.
    await this.drafted(entry.segment);
    const shapes = entry.address.endsWith("/undo/");
    if (shapes) this.reshaping++;
    const answer = await send<unknown>(entry.method, entry.address, entry.body);
    if (shapes) this.reshaping--;
    return answer;
  }

  protected confirmed(entry: Entry, answer: unknown): void {
    this.savedAt = new Date();
    const resolve = this.waiting.get(entry.operation);
    this.waiting.delete(entry.operation);
    if (entry.address.endsWith("/undo/")) this.undone(answer as Undone, this.turns.get(entry.operation));
    else if (answer) this.adopt(answer as Brief);
    // Of a decision that an earlier page made: its text may be kept here still.
    if (this.kept.has(entry.segment) && entry.segment !== this.current) void this.tidy(entry.segment);
    if (this.progress && entry.method === "PATCH") {
      const mine = this.progress.today.mine;
      this.progress = { ...this.progress, today: { ...this.progress.today, mine: { ...mine, decisions: mine.decisions + 1 } } };
      // How far the project is, is the server's to say: soon, and once for a run of decisions.
      window.clearTimeout(this.measureTimer);
      this.measureTimer = window.setTimeout(() => void this.measure(), MEASURE_MS);
    }
    this.relight();
    resolve?.();
  }

  /** Take the server's word for a row; what is being typed stays. */
  protected adopt(fresh: Brief): void {
    const old = this.row(fresh.id);
    // Decided again while this was on its way: the row and the box are further than this answer.
    const later = this.outbox?.of(fresh.id) ?? null;
    if (old && !later) this.change(fresh.id, slim(fresh, old.index));
    this.forget(fresh.id);
    if (this.current !== fresh.id) return;
    if (later) {
      if (this.segment) this.segment = { ...this.segment, revision: fresh.revision };
      this.base = fresh.revision;
      return;
    }
    const clean = this.text === this.stood;
    if (this.segment) this.segment = { ...this.segment, ...fresh, draft: null };
    this.base = fresh.revision;
    this.stood = fresh.text;
    if (clean) this.text = fresh.text;
    void this.fetchDetail(fresh.id).then((detail) => {
      if (detail && this.current === detail.id && detail.revision === this.base) this.segment = detail;
    });
  }

  protected refused(entry: Entry, refusal: Refusal, behind: readonly Entry[]): void {
    for (const one of [entry, ...behind]) {
      this.undo.drop(one.operation);
      this.waiting.get(one.operation)?.();
      this.waiting.delete(one.operation);
    }
    this.undoable = this.undo.size;
    if (entry.address.endsWith("/undo/")) {
      void this.outbox?.take(entry.operation);
      this.say(refusal.message);
      void this.refresh([entry.segment]);
      return;
    }
    if (behind.at(-1)?.address.endsWith("/undo/")) {
      // It was to be taken back, and never counted: both are what the person wants.
      this.outbox?.take(entry.operation);
      this.say("Undone: it had not been saved.");
      if (this.current === entry.segment && this.segment && !this.dirty) this.text = this.stood = this.segment.text;
      this.forget(entry.segment);
      void this.refresh([entry.segment]);
      return;
    }
    // Typed on meanwhile: that is newer than what was refused.
    if (typeof entry.body["text"] === "string" && this.current === entry.segment && this.dirty) entry.body = { ...entry.body, text: this.text };
    const text = typeof entry.body["text"] === "string" ? entry.body["text"] : null;
    if (refusal.code === "stale_revision" && text === null) {
      // Only what was seen was accepted, and it has changed since: nothing of anybody's is at stake.
      this.outbox?.take(entry.operation);
      this.say("That text had changed meanwhile; look at it again.");
    } else if (refusal.code === "reshaped") {
      this.outbox?.take(entry.operation);
      if (text !== null) this.inherit(entry.segment, refusal.detail["into"], text);
      this.say(`${refusal.message}${text !== null ? " What you typed waits at the first of the new ones." : ""}`);
      void this.refreshAll();
    } else {
      this.conflicts = [...new Set([...this.conflicts, entry.segment])];
      if (text !== null) void this.keepNow(entry.segment, text, Number(entry.body["base_revision"]), "");
      this.say(refusal.message);
      if (this.current === entry.segment) this.showConflict(entry, refusal);
    }
    this.forget(entry.segment);
    void this.refresh([entry.segment]);
  }

  /** Settle a conflict: the chosen text goes into the box, on top of the newest revision. */
  choose(which: "mine" | "theirs" | "base"): void {
    const conflict = this.conflict;
    if (!conflict) return;
    if (conflict.entry) this.outbox?.take(conflict.entry.operation);
    this.conflicts = this.conflicts.filter((id) => id !== conflict.segment);
    this.conflict = this.newer = null;
    this.base = conflict.revision;
    this.stood = conflict.theirs;
    this.text = conflict[which];
    this.overridden = "";
    if (which === "theirs") {
      this.settle(conflict.segment);
      void api.forgetDraft(conflict.segment);
      this.say("Theirs it is.");
    } else {
      this.scheduleKeep();
      this.say("In the box; press Enter to save it.");
    }
    this.relight();
    this.focusBox("end");
    void this.reread();
  }

  async undoLast(focus = true): Promise<void> {
    this.focusAfterUndo = focus;
    // A cut whose answer is on its way is the last thing done, and not yet known by its number.
    await this.shaping;
    const last = this.undo.pop();
    this.undoable = this.undo.size;
    if (!last) return this.say("There is nothing to undo.");
    if (this.outbox?.of(last.segment)?.refusal) {
      this.undo.push(last);
      this.undoable = this.undo.size;
      return this.say("Two texts of that segment wait for a choice; settle them first.");
    }
    if (this.outbox?.take(last.operation)) {
      this.say(`Undone: ${last.label.toLowerCase()}.`);
      const turn = this.opened;
      await this.refresh([last.segment]);
      if (turn === this.opened) await this.reopen(last.segment, focus);
      return;
    }
    const operation = uuid();
    const answered = new Promise<void>((resolve) => this.waiting.set(operation, resolve));
    this.turns.set(operation, this.opened);
    const body: Record<string, unknown> = { operation_id: operation };
    if (/^\d+$/.test(last.operation)) body["decision"] = last.operation;
    this.outbox?.add({ operation, segment: last.segment, at: Date.now(), method: "POST", address: addresses.undo(last.segment), body, refusal: null });
    if (this.outbox?.offline) this.say("It is undone as soon as the line is back.");
    await answered;
  }

  /** Show what an undo has made, unless the person has gone on to something else since `turn`. */
  protected undone(answer: Undone, turn: number | undefined): void {
    const first = answer.segments[0];
    const here = this.current === first?.id || answer.retired.includes(this.current ?? "");
    if (here) this.leaveOpen();
    this.apply(answer.segments, answer.retired);
    if (first && (here || turn === this.opened)) void this.reopen(first.id, this.focusAfterUndo);
    this.say("Undone.");
  }

  /** Keep what was typed into the open segment; its lease stays, since it is opened again at once. */
  private leaveOpen(): void {
    this.token = null;
    this.close();
    this.stood = this.text;
  }

  /** Open a segment anew, also where it is open already. */
  private reopen(id: string, focus: boolean): Promise<void> {
    if (this.current === id || !this.row(this.current)) {
      this.leaveOpen();
      this.current = null;
      this.segment = null;
    }
    return this.open(id, { focus });
  }
}
