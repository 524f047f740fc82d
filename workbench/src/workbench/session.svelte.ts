// One person at work in one recording: which rows there are, which is open, what its box holds, and what
// becomes of it. Components show what is here and call what is here; nothing else changes it.

import { Gather, follow, type Happening } from "../events";
import { isPassing, send, type Answer, type Refusal } from "../http";
import { addresses, api, client, uuid, type Reshaped, type Undone } from "./api";
import { checksOf, type Check } from "./checks";
import { Clips } from "./clips";
import { FALLBACK, type Given } from "./given";
import { Active, Heard } from "./heard";
import { Keep, type Draft } from "./keep";
import { lightOf, type Light } from "./light";
import { byTime, counts, neighbour, picked, type Asked } from "./list";
import { Outbox, type Entry } from "./outbox";
import { Player } from "./player.svelte";
import type { Brief, Facets, Person, Progress, Row, Segment, Settings } from "./types";
import { History } from "./undo";

const KEEP_MS = 150;
const DRAFT_MS = 800;
const LEASE_AFTER_MS = 180;
const RESEND_MS = 5_000;
const MEASURE_MS = 4_000;
const RENEW_MS = 30_000;
const PRESENCE_MS = 25_000;
const PROGRESS_MS = 60_000;
const AHEAD = 2;
const PAGE = 1_000;

/** Two texts for one segment, and what both began with. */
export interface Conflict {
  segment: string;
  mine: string;
  theirs: string;
  base: string;
  revision: number;
  by: string | null;
  at: string | null;
  /** The refused decision, to be sent again. */
  entry: Entry | null;
}

/** A text that could be taken, and whose it is. */
export interface Offer {
  key: string;
  label: string;
  text: string;
  fresh: boolean;
}

function offersOf(segment: Segment | null, newer: { text: string; by: string; machine: boolean } | null): Offer[] {
  if (!segment) return [];
  const found: Offer[] = segment.hypotheses.map((one) => ({
    key: one.id,
    label: `${one.pass === "refine" ? "Refined" : "Draft"} · ${one.model}`,
    text: one.text,
    fresh: segment.suggestion?.id === one.id || (newer?.machine === true && newer.text === one.text),
  }));
  if (newer && !found.some((offer) => offer.text === newer.text)) found.unshift({ key: "newer", label: newer.by || "Newer", text: newer.text, fresh: true });
  return found;
}

/** The line of the list that a segment has. */
function slim(one: Brief, index: number): Row {
  const { id, start_ms, end_ms, channel, speaker, state, locked, risk, revision, annotator, return_reason } = one;
  return { id, index, start_ms, end_ms, channel, speaker, state, locked, risk, revision, lease: null, annotator, return_reason, head: one.text.slice(0, 80) };
}

/** Who keeps the open segment from being edited. */
export interface Holder {
  name: string;
  yours: boolean;
}

export class Session {
  // What is shown of the recording.
  recording = $state.raw<{ id: string; name: string; duration_ms: number; language: string; state: string }>({ id: "", name: "", duration_ms: 0, language: "", state: "" });
  rows = $state.raw<Row[]>([]);
  facets = $state.raw<Facets | null>(null);
  loading = $state(true);
  trouble = $state("");
  asked = $state<Asked>({ show: "all", order: "time", speaker: "", search: "" });
  found = $state.raw<ReadonlySet<string> | null>(null);
  shown = $derived.by(() => picked(this.rows, this.asked, this.given.username, this.found));
  counts = $derived.by(() => counts(this.rows, this.given.username));

  // What is open.
  current = $state<string | null>(null);
  segment = $state.raw<Segment | null>(null);
  text = $state("");
  checks = $state.raw<Check[]>([]);
  conflict = $state.raw<Conflict | null>(null);
  holder = $state.raw<Holder | null>(null);
  restored = $state<number | null>(null);
  /** Somebody else's newer text, while the box was in use. */
  newer = $state.raw<{ text: string; by: string; machine: boolean } | null>(null);
  share = $state(0);
  dirty = $derived.by(() => this.segment !== null && this.text !== this.stood);
  /** What could go into the box instead, the newest first. */
  offers = $derived(offersOf(this.segment, this.newer));

  // Around it.
  people = $state.raw<Person[]>([]);
  progress = $state.raw<Progress | null>(null);
  light = $state.raw<Light>({ state: "", text: "" });
  live = $state<"live" | "polling" | "closed">("polling");
  said = $state("");
  why = $state<string>("");
  conflicts = $state.raw<string[]>([]);
  undoable = $state(0);
  settings = $state.raw<Settings>(FALLBACK);
  /** A queue that has run dry. */
  done = $state(false);

  readonly player = new Player();
  readonly clips: Clips;
  /** Told that the box should take the caret; set by the box. */
  focusBox: (where?: "end" | number) => void = () => undefined;
  ask: (what: "skip" | "unlock") => void = () => undefined;

  private stood = $state("");
  private base = 0;
  private token: string | null = null;
  private leaseAt = 0;
  private touchedAt = 0;
  private heard = new Heard(0, 0);
  private active = new Active(0);
  private overridden = "";
  /** Texts typed and not decided; true once the server has them as well. */
  private readonly kept = new Map<string, boolean>();
  private sending = 0;
  private refusedKeep = false;
  private savedAt: Date | null = null;
  private readonly details = new Map<string, Promise<Segment | null>>();
  private readonly ready = new Map<string, Segment>();
  private readonly undo = new History();
  private readonly waiting = new Map<string, () => void>();
  private queue: string[] = [];
  private outbox: Outbox | null = null;
  private keep: Keep | null = null;
  private keepTimer: number | undefined;
  private draftTimer: number | undefined;
  private leaseTimer: number | undefined;
  private resendTimer: number | undefined;
  private measureTimer: number | undefined;
  private opened = 0;
  private shaping: Promise<void> = Promise.resolve();
  private focusAfterUndo = true;

  constructor(readonly given: Given) {
    this.clips = new Clips(given.context_ms);
    this.player.played = (from, to) => {
      this.heard.mark(from, to);
      this.share = this.heard.share;
      this.touchedAt = Date.now();
    };
  }

  // -- Beginning --------------------------------------------------------------------------------------------

  async start(): Promise<void> {
    const settings = api.settings().then((answer) => {
      if (answer.ok) this.settings = answer.value;
      this.player.setSpeed(this.settings.playback.speed);
      this.player.loop = this.settings.playback.loop;
      this.player.whileTyping(this.settings.playback);
      this.asked.order = this.settings.editor.order;
    });
    const keep = settings.then(() => Keep.open(this.given.username, this.settings.editor.shared_computer)).then(async (found) => {
      this.keep = found;
      this.outbox = new Outbox(found, (entry) => this.deliver(entry), {
        sent: (entry, answer) => this.confirmed(entry, answer),
        refused: (entry, refusal) => this.refused(entry, refusal),
        changed: () => this.relight(),
      });
      const [entries, drafts] = await Promise.all([found.entries(), found.drafts()]);
      for (const draft of drafts) this.kept.set(draft.segment, false);
      void this.compare(drafts);
      this.outbox.restore(entries);
      for (const entry of entries) if (entry.refusal) this.conflicts = [...this.conflicts, entry.segment];
      this.relight();
    });
    const first = this.given.recording ? this.load(this.given.recording, this.given.segment) : this.serve();
    await Promise.all([settings, keep, first]);
    this.follow();
    window.setInterval(() => this.renew(), RENEW_MS / 3);
    window.setInterval(() => void this.present(), PRESENCE_MS);
    window.setInterval(() => void this.measure(), PROGRESS_MS);
    window.addEventListener("online", () => this.back());
    window.addEventListener("focus", () => this.back());
    void this.resend();
    void this.measure();
  }

  /** Bring drafts that an earlier page left in this browser to the server, where it has not got them. */
  private async compare(drafts: readonly Draft[]): Promise<void> {
    if (!drafts.length) return;
    const answer = await api.drafts(this.given.project);
    if (!answer.ok) return;
    const there = new Map(answer.value.results.map((draft) => [draft.segment, draft.text]));
    for (const draft of drafts) {
      if (!this.kept.has(draft.segment) || this.current === draft.segment) continue;
      if (there.get(draft.segment) === draft.text) this.kept.set(draft.segment, true);
      else await this.sendDraft(draft.segment, draft.text, draft.base);
    }
    this.relight();
  }

  /** Read the rows of a recording: the first thousand at once, the rest behind. */
  async load(recording: string, segment: string | null = null): Promise<void> {
    this.loading = true;
    const [known, first] = await Promise.all([api.recording(recording), api.rows(recording, { limit: PAGE })]);
    if (!known.ok || !first.ok) {
      this.loading = false;
      this.trouble = !known.ok ? known.refusal.message : first.ok ? "" : first.refusal.message;
      return;
    }
    this.recording = { ...known.value, duration_ms: known.value.duration_ms ?? 0 };
    this.rows = first.value.rows.sort(byTime);
    this.facets = first.value.facets;
    this.loading = false;
    const begin = segment ?? this.shown.find((row) => !row.locked && row.state !== "corrected" && row.state !== "accepted" && row.state !== "skipped")?.id ?? this.shown[0]?.id;
    if (begin !== undefined && this.current === null) void this.open(begin, { play: !document.hidden });
    void this.present();
    void this.remember();
    for (let next = first.value.next; next !== null; ) {
      const more = await api.rows(recording, { limit: PAGE, cursor: next });
      if (!more.ok || this.recording.id !== recording) break;
      this.merge(more.value.rows);
      next = more.value.next;
    }
  }

  private async remember(): Promise<void> {
    const answer = await api.decisions(this.recording.id);
    if (!answer.ok || this.undo.size) return;
    for (const past of answer.value.results.filter((decision) => decision.undoable).reverse()) {
      this.undo.push({ operation: past.id, segment: past.segment, label: past.kind });
    }
    this.undoable = this.undo.size;
  }

  private follow(): void {
    const changed = new Gather(120, (ids) => void this.refresh(ids));
    follow(this.given.project, {
      on: (happening) => this.happened(happening, changed),
      refresh: () => void this.refreshAll(),
      state: (now) => (this.live = now),
    });
  }

  private happened(happening: Happening, changed: Gather): void {
    const { data } = happening;
    if (happening.recording !== this.recording.id) return;
    if (happening.name === "presence.changed" && Array.isArray(data["people"])) {
      this.people = (data["people"] as Person[]).map((person) => ({ ...person, you: person.username === this.given.username }));
    } else if (happening.name === "lease.changed" && happening.segment) {
      this.leaseChanged(happening.segment, (data["holder"] as string | null) ?? null, String(data["name"] ?? data["holder"] ?? ""));
    } else if (happening.name === "segments.reshaped") {
      const retired = new Set((data["retired"] as string[] | undefined) ?? []);
      const made = (data["made"] as string[] | undefined) ?? [];
      if (data["by"] === this.given.username && ![...retired].some((id) => this.rows.some((row) => row.id === id))) return;
      this.rows = this.rows.filter((row) => !retired.has(row.id));
      for (const id of retired) {
        this.forget(id);
        if (id !== this.current && this.kept.has(id)) void this.keep?.draft(id).then((draft) => draft && this.inherit(id, made, draft.text));
      }
      for (const id of made) changed.add(id);
      if (this.current && retired.has(this.current)) this.reshapedAway(made, String(data["by"] ?? "Somebody"));
    } else if (happening.name === "segment.changed" && happening.segment) {
      changed.add(happening.segment);
    }
  }

  // -- Rows -------------------------------------------------------------------------------------------------

  private merge(fresh: readonly Row[]): void {
    const known = new Map(this.rows.map((row) => [row.id, row]));
    for (const row of fresh) {
      const old = known.get(row.id);
      // An answer that was on its way while something newer was saved must not turn it back.
      if (!old || row.revision >= old.revision) known.set(row.id, row);
    }
    this.rows = [...known.values()].sort(byTime);
  }

  private change(id: string, what: Partial<Row>): void {
    const at = this.rows.findIndex((row) => row.id === id);
    if (at >= 0) this.rows = this.rows.with(at, { ...this.rows[at]!, ...what });
  }

  row(id: string | null): Row | null {
    return id === null ? null : (this.rows.find((row) => row.id === id) ?? null);
  }

  private async refresh(ids: string[]): Promise<void> {
    for (let at = 0; at < ids.length; at += 200) {
      const some = ids.slice(at, at + 200);
      const answer = await api.rows(this.recording.id, { ids: some.join(","), limit: PAGE });
      if (!answer.ok) continue;
      const before = this.row(this.current);
      this.merge(answer.value.rows);
      for (const row of answer.value.rows) {
        const ready = this.ready.get(row.id);
        if (ready && ready.revision === row.revision && ready.state === row.state && ready.locked === row.locked && row.id !== this.current) continue;
        if (row.id === this.current) {
          if (before && this.outbox?.of(row.id)) continue;
          void this.reread();
        } else this.forget(row.id);
      }
    }
  }

  private async refreshAll(): Promise<void> {
    if (!this.recording.id || this.loading) return;
    for (let cursor: string | null = ""; cursor !== null; ) {
      const answer = await api.rows(this.recording.id, cursor ? { limit: PAGE, cursor } : { limit: PAGE });
      if (!answer.ok) return;
      const stale = answer.value.rows.filter((row) => (this.row(row.id)?.revision ?? -1) !== row.revision).map((row) => row.id);
      this.merge(answer.value.rows);
      for (const id of stale) if (id !== this.current) this.forget(id);
      cursor = answer.value.next;
    }
    if (this.current && !this.outbox?.of(this.current)) void this.reread();
  }

  /** Search the whole texts at the server; what the list shows of them is searched at once. */
  async search(text: string): Promise<void> {
    this.asked.search = text;
    if (text.trim().length < 2) {
      this.found = null;
      return;
    }
    const answer = await api.rows(this.recording.id, { search: text.trim(), limit: PAGE });
    if (answer.ok && this.asked.search === text) this.found = new Set(answer.value.rows.map((row) => row.id));
  }

  // -- Opening ----------------------------------------------------------------------------------------------

  private fetchDetail(id: string): Promise<Segment | null> {
    const under = this.details.get(id);
    if (under) return under;
    const promise = api.segment(id).then((answer) => {
      if (this.details.get(id) === promise) this.details.delete(id);
      if (!answer.ok) {
        if (answer.refusal.status === 410) this.rows = this.rows.filter((row) => row.id !== id);
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

  private forget(id: string): void {
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
    this.why = "";
    this.overridden = "";
    this.done = false;
    const ready = this.ready.get(id);
    if (ready) this.show(ready, how);
    const detail = ready ?? (await this.fetchDetail(id));
    if (turn !== this.opened) return;
    if (detail === null) {
      this.trouble = "This segment cannot be read just now.";
      return;
    }
    if (!ready) this.show(detail, how);
    void this.restore(detail);
    const clip = await this.clips.get(detail, this.recording.duration_ms);
    if (turn !== this.opened) return;
    if (clip) this.player.load(clip, detail.start_ms, detail.end_ms, (how.play ?? true) && this.settings.playback.autoplay);
    this.ahead();
  }

  private show(detail: Segment, how: { focus?: boolean; caret?: number }): void {
    this.trouble = "";
    this.segment = detail;
    this.base = detail.revision;
    this.text = this.stood = detail.text;
    this.heard = new Heard(detail.start_ms, detail.end_ms);
    this.share = 0;
    this.active = new Active(Date.now());
    this.touchedAt = Date.now();
    const lease = detail.lease;
    this.holder = lease && !(lease.mine && (lease.client === client || lease.client === null)) ? { name: lease.name || lease.holder, yours: lease.mine } : null;
    window.clearTimeout(this.leaseTimer);
    if (!detail.locked) this.leaseTimer = window.setTimeout(() => void this.lease(), LEASE_AFTER_MS);
    if (how.focus !== false) this.focusBox(how.caret ?? "end");
  }

  /** Bring back what was typed before, or what waits for a choice. */
  private async restore(detail: Segment): Promise<void> {
    const id = detail.id;
    let waiting = this.outbox?.of(id) ?? null;
    if (waiting?.refusal && waiting.refusal.code !== "stale_revision") {
      // The row was somebody else's when this was decided: what was written is a draft now, kept when it was refused.
      this.outbox?.take(waiting.operation);
      this.conflicts = this.conflicts.filter((one) => one !== id);
      waiting = null;
      this.relight();
    }
    if (waiting && typeof waiting.body["text"] === "string") {
      this.text = waiting.body["text"];
      if (waiting.refusal?.code === "stale_revision") this.showConflict(waiting, waiting.refusal);
      else if (!waiting.refusal) this.stood = this.text;
      return;
    }
    const local = (await this.keep?.draft(id)) ?? null;
    if (this.current !== id || this.dirty) return;
    const remote = detail.draft;
    const draft =
      local && (!remote || local.at >= Date.parse(remote.at) - 1_000)
        ? local
        : remote && { segment: id, text: remote.text, base: remote.base_revision, baseText: "", at: Date.parse(remote.at) };
    if (!draft) return;
    if (draft.text === detail.text) return this.settle(id);
    if (detail.locked) {
      // The box shows what is locked; the person's own text stands beside it.
      this.newer = { text: draft.text, by: "You, not saved", machine: false };
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

  /** The person goes on: keep what was typed, give the row back. */
  private close(): void {
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

  private ahead(): void {
    const next = this.upcoming(AHEAD);
    void (async () => {
      for (const id of next) {
        const detail = this.ready.get(id) ?? (await this.fetchDetail(id));
        if (detail && detail.recording === this.recording.id) void this.clips.get(detail, this.recording.duration_ms);
      }
    })();
  }

  private upcoming(many: number): string[] {
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
  goTo(ms: number): void {
    const row = this.rows.find((one) => one.start_ms <= ms && ms < one.end_ms) ?? this.rows.reduce<Row | null>((best, one) => (!best || Math.abs(one.start_ms - ms) < Math.abs(best.start_ms - ms) ? one : best), null);
    if (row) void this.open(row.id).then(() => ms >= row.start_ms && ms < row.end_ms && this.player.clip && this.player.from(ms));
  }

  /** Read the open segment anew: something happened to it. */
  private async reread(): Promise<void> {
    const id = this.current;
    if (id === null || !this.segment) return;
    const answer = await api.segment(id);
    if (!answer.ok || this.current !== id || !this.segment || this.outbox?.of(id)) return;
    const fresh = answer.value;
    this.ready.set(id, fresh);
    const was = this.segment;
    this.segment = fresh;
    if (fresh.locked && !was.locked) {
      this.token = null;
      if (this.dirty) this.say(`Locked by ${fresh.locked_by ?? "somebody"} meanwhile. Your text is kept here.`);
    }
    if (!fresh.locked && was.locked) void this.lease();
    if (fresh.revision === this.base || fresh.revision < this.base) return;
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

  private reshapedAway(made: readonly string[], by: string): void {
    const mine = this.dirty ? this.text : "";
    this.say(`${by} cut this segment anew.${mine ? " What you typed is kept in the first of the new ones." : ""}`);
    const first = made[0];
    this.segment = null;
    if (first !== undefined) void this.open(first, { play: false }).then(() => mine && this.segment && (this.newer = { text: mine, by: "you, before it was cut", machine: false }));
  }

  // -- Leases and presence ------------------------------------------------------------------------------------

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

  private renew(): void {
    const now = Date.now();
    if (this.token !== null && now - this.leaseAt >= RENEW_MS && now - this.touchedAt < 2 * RENEW_MS) void this.lease();
  }

  private leaseChanged(id: string, holder: string | null, name: string): void {
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

  private async present(): Promise<void> {
    if (!this.recording.id || document.hidden) return;
    const answer = await api.presence(this.recording.id, this.current);
    if (answer.ok) this.people = answer.value.people;
  }

  private async measure(): Promise<void> {
    const midnight = new Date();
    midnight.setHours(0, 0, 0, 0);
    const answer = await api.progress(this.given.project, undefined, midnight.toISOString());
    if (answer.ok) this.progress = answer.value;
  }

  // -- Typing -------------------------------------------------------------------------------------------------

  typed(text: string): void {
    this.text = text;
    this.touchedAt = Date.now();
    this.active.mark(this.touchedAt);
    this.restored = null;
    if (this.checks.length) this.checks = this.look();
    this.overridden = "";
    this.player.typing.typed();
    this.scheduleKeep();
    if (this.token === null && !this.holder && Date.now() - this.leaseAt > 5_000) void this.lease();
  }

  private scheduleKeep(): void {
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

  private async keepNow(id: string, text: string, base: number, baseText: string): Promise<void> {
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

  private async sendDraft(id: string, text: string, base: number): Promise<void> {
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
  private async resend(): Promise<void> {
    for (const [id, there] of [...this.kept]) {
      if (there || this.outbox?.of(id)) continue;
      const open = id === this.current && this.dirty && !this.conflict;
      const draft = open ? { text: this.text, base: this.base } : await this.keep?.draft(id);
      if (draft) await this.sendDraft(id, draft.text, draft.base);
      if (this.outbox?.offline) return;
    }
  }

  /** The line may be back, or the person has signed in again. */
  private back(): void {
    if (this.outbox && this.unsaved === 0) this.outbox.offline = false;
    this.outbox?.now();
    this.relight();
    void this.resend();
    if (this.current !== null && this.segment === null) void this.open(this.current);
  }

  /** A segment was cut anew while a text of it waited: it waits at the first of the new ones, with a choice. */
  private inherit(from: string, into: unknown, text: string): void {
    const first: unknown = Array.isArray(into) ? into[0] : undefined;
    this.conflicts = this.conflicts.filter((id) => id !== from);
    if (typeof first !== "string") return;
    // It stands on no revision of the new segment: opening that shows both texts.
    void this.keepNow(first, text, 0, "").then(() => this.settle(from));
    this.conflicts = [...new Set([...this.conflicts, first])];
  }

  /** The server has the text, or it is what it was: nothing needs keeping. */
  private settle(id: string): void {
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

  relight(): void {
    this.light = lightOf({
      unsent: this.outbox?.unsent ?? 0,
      kept: this.onlyHere,
      drafts: this.kept.size,
      sending: this.sending > 0,
      offline: this.outbox?.offline ?? false,
      conflicts: this.conflicts.length,
      signedOut: this.outbox?.signedOut ?? false,
      refused: this.refusedKeep,
      savedAt: this.savedAt,
    });
  }

  private get onlyHere(): number {
    return [...this.kept.values()].filter((there) => !there).length;
  }

  get unsaved(): number {
    return (this.outbox?.unsent ?? 0) + this.onlyHere;
  }

  get unsent(): number {
    return this.outbox?.unsent ?? 0;
  }

  say(words: string): void {
    this.said = "";
    queueMicrotask(() => (this.said = words));
  }

  // -- Deciding -----------------------------------------------------------------------------------------------

  look(): Check[] {
    const segment = this.segment;
    if (!segment) return [];
    return checksOf({ text: this.text, segment, language: segment.language || this.recording.language || this.given.language, glossary: segment.glossary ?? [], tags: segment.tags ?? [], heard: this.heard.share });
  }

  get editable(): boolean {
    return this.segment !== null && !this.segment.locked && this.given.may_edit && this.holder === null && this.segment.state !== "accepted";
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
    const overrode = this.stops();
    if (overrode === null) return;
    const unchanged = !this.dirty;
    if (how.stay && unchanged && (segment.state === "corrected" || this.outbox?.of(segment.id))) return this.say("Nothing has changed.");
    const text = this.text;
    const body: Record<string, unknown> = unchanged && !this.newer ? { decision: "accept" } : { text };
    this.decide(segment, { ...body, ...(overrode.length ? { overrode } : {}) }, unchanged ? "Accepted" : "Saved", { state: "corrected", head: text.slice(0, 80), annotator: this.given.username }, how);
  }

  /** The warnings that the present text overrides; null when they are only shown now. */
  private stops(): string[] | null {
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

  private decide(segment: Segment, what: Record<string, unknown>, label: string, look: Partial<Row>, how: { stay?: boolean; focus?: boolean }): void {
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

  private deliver(entry: Entry): Promise<Answer<unknown>> {
    return send<unknown>(entry.method, entry.address, entry.body);
  }

  private confirmed(entry: Entry, answer: unknown): void {
    this.savedAt = new Date();
    const resolve = this.waiting.get(entry.operation);
    this.waiting.delete(entry.operation);
    if (entry.address.endsWith("/undo/")) this.undone(answer as Undone);
    else if (answer) this.adopt(answer as Brief);
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
  private adopt(fresh: Brief): void {
    const old = this.row(fresh.id);
    if (old) this.change(fresh.id, slim(fresh, old.index));
    this.forget(fresh.id);
    if (this.current !== fresh.id) return;
    const clean = this.text === this.stood;
    if (this.segment) this.segment = { ...this.segment, ...fresh, draft: null };
    this.base = fresh.revision;
    this.stood = fresh.text;
    if (clean) this.text = fresh.text;
    void this.fetchDetail(fresh.id).then((detail) => {
      if (detail && this.current === detail.id && detail.revision === this.base) this.segment = detail;
    });
  }

  private refused(entry: Entry, refusal: Refusal): void {
    this.undo.drop(entry.operation);
    this.undoable = this.undo.size;
    this.waiting.get(entry.operation)?.();
    this.waiting.delete(entry.operation);
    if (entry.address.endsWith("/undo/")) {
      void this.outbox?.take(entry.operation);
      this.say(refusal.message);
      void this.refresh([entry.segment]);
      return;
    }
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

  private showConflict(entry: Entry, refusal: Refusal): void {
    const detail = refusal.detail;
    if (refusal.code !== "stale_revision") {
      // Locked, leased or cut anew: the text is kept as a draft, and the row says why it cannot go in.
      this.outbox?.take(entry.operation);
      this.conflicts = this.conflicts.filter((id) => id !== entry.segment);
      this.trouble = refusal.message;
      this.relight();
      return;
    }
    const text = (name: string) => (typeof detail[name] === "string" ? (detail[name] as string) : "");
    this.conflict = { segment: entry.segment, mine: String(entry.body["text"] ?? detail["mine"] ?? ""), theirs: text("theirs"), base: text("base"), revision: Number(detail["revision"]), by: text("by") || null, at: text("at") || null, entry };
    this.text = this.conflict.mine;
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

  // -- Undo ---------------------------------------------------------------------------------------------------

  async undoLast(focus = true): Promise<void> {
    this.focusAfterUndo = focus;
    const last = this.undo.pop();
    this.undoable = this.undo.size;
    if (!last) return this.say("There is nothing to undo.");
    if (this.outbox?.take(last.operation)) {
      this.say(`Undone: ${last.label.toLowerCase()}.`);
      await this.refresh([last.segment]);
      const id = last.segment;
      this.current = this.current === id ? null : this.current;
      return this.open(id, { focus });
    }
    const operation = uuid();
    const answered = new Promise<void>((resolve) => this.waiting.set(operation, resolve));
    const body: Record<string, unknown> = { operation_id: operation };
    if (/^\d+$/.test(last.operation)) body["decision"] = last.operation;
    this.outbox?.add({ operation, segment: last.segment, at: Date.now(), method: "POST", address: addresses.undo(last.segment), body, refusal: null });
    await answered;
  }

  private undone(answer: Undone): void {
    const first = answer.segments[0];
    this.apply(answer.segments, answer.retired);
    if (first) {
      if (this.current === first.id || answer.retired.includes(this.current ?? "")) {
        this.current = null;
        this.segment = null;
      }
      void this.open(first.id, { focus: this.focusAfterUndo });
    }
    this.say("Undone.");
  }

  // -- Shape --------------------------------------------------------------------------------------------------

  private apply(segments: readonly Brief[], retired: readonly string[]): void {
    const gone = new Set(retired);
    const known = new Map(this.rows.filter((row) => !gone.has(row.id)).map((row) => [row.id, row]));
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

  /** Wait until nothing of a segment is on its way; false when it cannot be sent now. */
  private async quiet(id: string): Promise<boolean> {
    for (let n = 0; n < 100; n++) {
      const entry = this.outbox?.of(id);
      if (!entry) return true;
      if (entry.refusal || this.outbox?.offline) return false;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return false;
  }

  /** One change of shape after another: each stands on what the one before has made. */
  private reshape(label: string, act: (segment: Segment) => Promise<Answer<Reshaped>>, caret?: number): Promise<void> {
    this.shaping = this.shaping.then(() => this.reshaped(label, act, caret)).catch(() => undefined);
    return this.shaping;
  }

  private async reshaped(label: string, act: (segment: Segment) => Promise<Answer<Reshaped>>, caret?: number): Promise<void> {
    const segment = this.segment;
    if (!segment || !this.editable) return this.say("This segment cannot be changed now.");
    if (!(await this.quiet(segment.id))) return this.say("Wait until what you saved has reached the site.");
    this.sending++;
    this.relight();
    const answer = await act(segment);
    this.sending--;
    this.relight();
    if (!answer.ok) {
      this.trouble = answer.refusal.message;
      return this.say(answer.refusal.message);
    }
    this.trouble = "";
    const typed = this.dirty ? this.text : null;
    const { segments, retired, decision } = answer.value;
    this.undo.push({ operation: decision.id, segment: segments[0]?.id ?? segment.id, label });
    this.undoable = this.undo.size;
    this.savedAt = new Date();
    this.apply(segments, retired);
    this.say(`${label}.`);
    const same = segments.find((one) => one.id === segment.id);
    if (same && !retired.includes(segment.id)) {
      this.clips.drop(segment.id);
      const text = typed;
      this.adopt(same);
      if (text !== null) this.text = text;
      const clip = await this.clips.get(same, this.recording.duration_ms);
      if (clip && this.current === same.id) this.player.load(clip, same.start_ms, same.end_ms, false);
      if (this.current === same.id) {
        this.heard = new Heard(same.start_ms, same.end_ms);
        this.share = 0;
      }
      return;
    }
    this.current = null;
    this.segment = null;
    const first = segments[0];
    if (first) await this.open(first.id, caret === undefined ? {} : { caret });
  }

  private standing(segment: Segment): Record<string, unknown> {
    const body: Record<string, unknown> = { base_revision: this.base, operation_id: uuid() };
    if (this.token !== null) body["lease"] = this.token;
    if (segment.text !== this.text) body["text"] = this.text;
    return body;
  }

  split(offset: number, at_ms: number): Promise<void> {
    return this.reshape("Split", (segment) => api.split(segment.id, { ...this.standing(segment), offset, at_ms }), offset);
  }

  mergeNext(): Promise<void> {
    const length = this.text.length;
    return this.reshape(
      "Merged",
      async (segment) => {
        const next = neighbour(this.rows.filter((row) => row.channel === segment.channel), this.rows, segment.id, 1);
        if (!next) return { ok: false, refusal: { status: 400, code: "last", message: "There is no next segment to merge with.", detail: {} } };
        return api.merge(segment.id, { ...this.standing(segment), next: next.id, next_revision: next.revision });
      },
      length,
    );
  }

  setEdges(start_ms: number, end_ms: number): Promise<void> {
    return this.reshape("Edges moved", (segment) => {
      const { text: _text, ...body } = this.standing(segment);
      return api.edges(segment.id, { ...body, start_ms: Math.round(start_ms), end_ms: Math.round(end_ms) });
    });
  }

  setSpeaker(speaker: string): Promise<void> {
    return this.reshape(speaker ? `Speaker ${speaker}` : "No speaker", (segment) => {
      const { text: _text, ...body } = this.standing(segment);
      return api.speaker(segment.id, { ...body, speaker });
    });
  }

  // -- Locks --------------------------------------------------------------------------------------------------

  async lock(): Promise<void> {
    const segment = this.segment;
    if (!segment) return;
    if (segment.locked) return this.ask("unlock");
    if (!this.editable) return;
    if (this.dirty || segment.state !== "corrected") {
      this.confirm({ stay: true });
      if (!this.outbox?.of(segment.id)) return; // warnings are shown first
    }
    if (!(await this.quiet(segment.id))) return this.say("Wait until what you saved has reached the site.");
    const answer = await api.lock(segment.id, this.current === segment.id ? this.base : segment.revision);
    if (!answer.ok) return this.say(answer.refusal.message);
    this.token = null;
    this.adopt(answer.value);
    this.say("Locked.");
  }

  async unlock(reason: string): Promise<void> {
    const segment = this.segment;
    if (!segment) return;
    const answer = await api.unlock(segment.id, reason);
    if (!answer.ok) {
      this.trouble = answer.refusal.message;
      return this.say(answer.refusal.message);
    }
    this.adopt(answer.value);
    void this.lease();
    this.say("Unlocked.");
    this.focusBox("end");
  }

  // -- The project's queue ------------------------------------------------------------------------------------

  /** Open what most needs a person: returned work first, then the worst. */
  async serve(focus?: boolean): Promise<void> {
    const ready = this.queue.shift();
    const known = ready !== undefined ? this.ready.get(ready) : undefined;
    if (ready !== undefined && known && known.recording === this.recording.id) {
      void this.open(ready, focus === undefined ? {} : { focus });
      void this.prefetch();
      return;
    }
    const answer = await api.next(this.given.project, { exclude: this.busy() });
    if (!answer.ok) {
      this.trouble = answer.refusal.message;
      this.loading = false;
      return;
    }
    const { segment, why } = answer.value;
    if (!segment) {
      this.loading = false;
      this.close();
      this.player.unload();
      this.current = null;
      this.segment = null;
      this.done = true;
      this.said = "Nothing is waiting.";
      return;
    }
    if (segment.recording !== this.recording.id) await this.load(segment.recording, segment.id);
    this.ready.set(segment.id, segment);
    await this.open(segment.id, focus === undefined ? {} : { focus });
    this.why = why ?? "";
    void this.prefetch();
  }

  private busy(): string[] {
    const held = new Set<string>(this.queue);
    if (this.current) held.add(this.current);
    return [...held].slice(0, 50);
  }

  private async prefetch(): Promise<void> {
    if (!this.given.queue || this.queue.length >= 1) return;
    const answer = await api.next(this.given.project, { exclude: this.busy() });
    if (!answer.ok || !answer.value.segment) return;
    const segment = answer.value.segment;
    this.ready.set(segment.id, segment);
    this.queue.push(segment.id);
    if (segment.recording === this.recording.id) void this.clips.get(segment, this.recording.duration_ms);
  }

  // -- Settings and the end -----------------------------------------------------------------------------------

  set<K extends keyof Settings>(part: K, value: Partial<Settings[K]>): void {
    this.settings = { ...this.settings, [part]: { ...this.settings[part], ...value } };
    const { playback } = this.settings;
    this.player.whileTyping(playback);
    if (part === "playback") {
      this.player.loop = playback.loop;
      this.player.setSpeed(playback.speed);
    }
    void api.saveSettings({ [part]: this.settings[part] } as Partial<Settings>);
  }

  leave(): void {
    this.flush();
    if (this.token !== null && this.current && !this.dirty) void api.release(this.current);
    for (const id of this.queue) void api.release(id);
    if (this.recording.id) void api.leave(this.recording.id);
  }
}
