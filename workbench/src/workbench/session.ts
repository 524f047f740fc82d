// One person at work: from opening the page to leaving it, what others do meanwhile, and what comes next.

import { Gather, follow, type Happening } from "../events";
import { isPassing } from "../http";
import { again } from "../order";
import { api } from "./api";
import { Keep, type Draft } from "./keep";
import { byTime } from "./list";
import { RENEW_MS } from "./opening";
import { Outbox, type Entry } from "./outbox";
import { Shaping } from "./shaping";
import { PAGE } from "./state.svelte";
import { FINISHED, type Person, type Row, type Settings } from "./types";

/** Why a segment was served, in words. */
const WHY = {
  held: "You had this one open.",
  returned: "Returned to you.",
  assigned: "From a recording that is yours.",
  queue: "Next in line.",
} as const;

const PRESENCE_MS = 25_000;
const PROGRESS_MS = 60_000;

export class Session extends Shaping {
  private chosen: Partial<Settings> = {};

  async start(): Promise<void> {
    const { playback, editor } = this.settings;
    this.player.setSpeed(playback.speed);
    this.player.loop = playback.loop;
    this.player.whileTyping(playback);
    this.asked.order = editor.order;
    // Both are there before the first key: whatever is decided while the store opens waits in them.
    this.keep = new Keep(this.given.username, editor.shared_computer);
    this.outbox = new Outbox(this.keep, (entry) => this.deliver(entry), {
      sent: (entry, answer) => this.confirmed(entry, answer),
      refused: (entry, refusal, behind) => this.refused(entry, refusal, behind),
      changed: () => this.relight(),
    });
    this.taken = this.takeUp(this.keep, this.outbox);
    const first = this.given.recording ? this.load(this.given.recording, this.given.segment) : this.serve();
    await Promise.all([this.taken, first]);
    this.follow();
    window.setInterval(() => this.renew(), RENEW_MS / 3);
    window.setInterval(() => void this.present(), PRESENCE_MS);
    window.setInterval(() => void this.measure(), PROGRESS_MS);
    window.addEventListener("online", () => this.back());
    window.addEventListener("focus", () => this.back());
    void this.resend();
    void this.measure();
  }

  /** Go on with what an earlier page left in this browser: decisions not confirmed, texts not decided. */
  private async takeUp(keep: Keep, outbox: Outbox): Promise<void> {
    const [entries, drafts] = await Promise.all([keep.entries(), keep.drafts()]).catch((): [Entry[], Draft[]] => [[], []]);
    for (const draft of drafts) {
      this.before.set(draft.segment, draft);
      if (!this.kept.has(draft.segment)) this.kept.set(draft.segment, false);
    }
    void this.compare(drafts);
    outbox.restore(entries);
    for (const entry of entries) if (entry.refusal) this.conflicts = [...this.conflicts, entry.segment];
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
    const begin = segment ?? this.shown.find((row) => !row.locked && !FINISHED.has(row.state))?.id ?? this.shown[0]?.id;
    if (begin !== undefined && this.current === null) void this.open(begin, { play: !document.hidden });
    void this.present();
    void this.remember();
    this.resting = this.rest(recording, first.value.next);
  }

  private async rest(recording: string, cursor: string | null): Promise<void> {
    for (let next = cursor; next !== null; ) {
      const asked = this.order.ask();
      const more = await api.rows(recording, { limit: PAGE, cursor: next });
      if (!more.ok || this.recording.id !== recording) break;
      this.merge(more.value, asked);
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
    } else if (happening.name === "lease.asked") {
      if (happening.segment === this.current && data["holder"] === this.given.username) this.wanted = String(data["name"] ?? data["by"]);
    } else if (happening.name === "segments.reshaped") {
      const retired = new Set((data["retired"] as string[] | undefined) ?? []);
      const made = (data["made"] as string[] | undefined) ?? [];
      if (data["by"] === this.given.username && (this.reshaping || ![...retired].some((id) => this.rows.some((row) => row.id === id)))) return;
      this.drop([...retired]);
      for (const id of retired) {
        this.forget(id);
        if (id !== this.current && this.kept.has(id)) void this.keep?.draft(id).then((draft) => draft && this.inherit(id, made, draft.text));
      }
      for (const id of made) changed.add(id);
      if (this.current && retired.has(this.current)) this.reshapedAway(made, String(data["by"] ?? "Somebody"));
    } else if (happening.name === "segment.changed" && happening.segment) {
      changed.add(happening.segment);
    } else if (happening.name === "comment.changed" && happening.segment) {
      if (happening.segment !== this.current) return this.forget(happening.segment);
      this.spoken += 1;
      void this.reread();
    }
  }

  protected async refresh(ids: string[]): Promise<void> {
    for (let at = 0; at < ids.length; at += 200) {
      const some = ids.slice(at, at + 200);
      const asked = this.order.ask();
      const answer = await api.rows(this.recording.id, { ids: some.join(","), limit: PAGE });
      if (!answer.ok) continue;
      const before = this.row(this.current);
      this.merge(answer.value, asked);
      for (const row of answer.value.rows) {
        const ready = this.ready.get(row.id);
        if (ready && ready.revision === row.revision && ready.state === row.state && ready.locked === row.locked && row.id !== this.current) continue;
        if (row.id === this.current) {
          if (before && this.outbox?.of(row.id)) continue;
          void this.reread();
        } else {
          this.forget(row.id);
          if (this.kept.has(row.id)) void this.tidy(row.id);
        }
      }
    }
  }

  protected async refreshAll(): Promise<void> {
    if (!this.recording.id || this.loading) return;
    const [before, first] = [this.rows.map((row) => row.id), this.order.ask()];
    const there = new Set<string>();
    for (let cursor: string | null = ""; cursor !== null; ) {
      const asked = this.order.ask();
      const answer = await api.rows(this.recording.id, cursor ? { limit: PAGE, cursor } : { limit: PAGE });
      if (!answer.ok || answer.value.recording !== this.recording.id) return;
      for (const row of answer.value.rows) there.add(row.id);
      const stale = answer.value.rows.filter((row) => (this.row(row.id)?.revision ?? -1) !== row.revision).map((row) => row.id);
      this.merge(answer.value, asked);
      for (const id of stale) if (id !== this.current) this.forget(id);
      cursor = answer.value.next;
    }
    // Cut anew while nobody told this page; the open one says so itself as soon as it is saved.
    this.drop(before.filter((id) => !there.has(id) && id !== this.current && this.order.newest(id, first)));
    this.spoken += 1;
    if (this.current && !this.outbox?.of(this.current)) void this.reread();
  }

  /** The line may be back, or the person has signed in again. */
  private back(): void {
    if (this.outbox && this.unsaved === 0) this.outbox.offline = false;
    this.outbox?.now();
    this.relight();
    void this.store();
    void this.resend();
    if (this.current !== null && this.segment === null) void this.open(this.current);
    else if (this.segment && this.player.clip === null) void this.sound(this.segment, false);
  }

  private async present(): Promise<void> {
    if (!this.recording.id || document.hidden) return;
    const answer = await api.presence(this.recording.id, this.current);
    if (answer.ok) this.people = answer.value.people;
  }

  /** Open what most needs a person: returned work first, then the worst. */
  async serve(focus?: boolean): Promise<void> {
    const turn = this.opened;
    const ready = this.queue.shift();
    const known = ready !== undefined ? this.ready.get(ready) : undefined;
    if (ready !== undefined && known && known.recording === this.recording.id) {
      void this.open(ready, focus === undefined ? {} : { focus });
      void this.prefetch();
      return;
    }
    const answer = await api.next(this.given.project, { exclude: this.busy() });
    if (!answer.ok) {
      this.loading = false;
      const ahead = answer.refusal.status === 0 ? this.atHand() : null;
      if (ahead) return this.open(ahead.id, focus === undefined ? {} : { focus });
      this.trouble = answer.refusal.message;
      return;
    }
    const { segment, why } = answer.value;
    if (turn !== this.opened) {
      // The person has opened something else meanwhile: this is what comes after it.
      if (!segment) return;
      this.ready.set(segment.id, segment);
      if (segment.id !== this.current && !this.queue.includes(segment.id)) this.queue.push(segment.id);
      return;
    }
    this.done = false;
    if (!segment) {
      this.loading = false;
      this.close();
      this.player.unload();
      this.current = null;
      this.segment = null;
      this.done = true;
      this.left = answer.value.counts;
      this.said = "Nothing is waiting.";
      return;
    }
    if (segment.recording !== this.recording.id) await this.load(segment.recording, segment.id);
    this.ready.set(segment.id, segment);
    await this.open(segment.id, focus === undefined ? {} : { focus });
    if (why !== null) this.say(WHY[why]);
    void this.prefetch();
  }

  /** Give the open row to whoever asks for it, with what was typed saved first. */
  async handOver(): Promise<void> {
    if (this.dirty) return this.confirm();
    const id = this.current;
    this.wanted = "";
    this.token = null;
    if (id !== null) await api.release(id);
    if (this.given.queue) return this.serve();
    this.move(1);
  }

  /** While the site cannot be asked: a row of this recording that nobody holds and that was fetched before. */
  private atHand(): Row | null {
    return this.rows.find((row) => row.id !== this.current && this.ready.has(row.id) && !row.lease && !row.locked && !FINISHED.has(row.state)) ?? null;
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

  set<K extends keyof Settings>(part: K, value: Partial<Settings[K]>): void {
    this.settings = { ...this.settings, [part]: { ...this.settings[part], ...value } };
    const { playback } = this.settings;
    this.player.whileTyping(playback);
    if (part === "playback") {
      this.player.loop = playback.loop;
      this.player.setSpeed(playback.speed);
    }
    this.chosen = { ...this.chosen, [part]: this.settings[part] };
    void this.store();
  }

  /** One after another: what was chosen last must arrive last. */
  private readonly store = again(async () => {
    const chosen = this.chosen;
    this.chosen = {};
    if (!Object.keys(chosen).length) return;
    const answer = await api.saveSettings(chosen);
    if (!answer.ok && isPassing(answer.refusal)) this.chosen = { ...chosen, ...this.chosen };
  });

  leave(): void {
    this.flush();
    if (Object.keys(this.chosen).length) void api.saveSettings(this.chosen);
    if (this.token !== null && this.current && !this.dirty) void api.release(this.current);
    for (const id of this.queue) void api.release(id);
    if (this.recording.id) void api.leave(this.recording.id);
  }
}
