// Cutting, joining, moving, naming, locking: each a change that the server makes and that can be undone.

import { uuid, type Answer } from "../http";
import { api, type Reshaped } from "./api";
import { Deciding } from "./deciding";
import { Heard } from "./heard";
import { neighbour } from "./list";
import type { Segment } from "./types";

export abstract class Shaping extends Deciding {
  /** What became of segments that were cut or joined here: the first of the new ones. */
  private readonly made = new Map<string, string>();

  /** Wait until nothing of a segment is on its way; false when it cannot be sent now. */
  protected async quiet(id: string): Promise<boolean> {
    for (let n = 0; n < 100; n++) {
      const entry = this.outbox?.of(id);
      if (!entry) return true;
      if (entry.refusal || this.outbox?.offline) return false;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return false;
  }

  /** One change of shape after another: each stands on what the one before has made. */
  protected reshape(label: string, act: (segment: Segment) => Promise<Answer<Reshaped>>, caret?: number): Promise<void> {
    const meant = this.current;
    const focus = document.activeElement?.id === "text";
    this.shaping = this.shaping.then(() => this.reshaped(meant, label, act, focus, caret)).catch(() => undefined);
    return this.shaping;
  }

  /** The segment that was meant when the key was pressed, or what the change before has made of it. */
  private became(id: string | null): string | null {
    let now = id;
    for (let next: string | null | undefined = id; next; next = this.made.get(next)) now = next;
    return now;
  }

  protected async reshaped(meant: string | null, label: string, act: (segment: Segment) => Promise<Answer<Reshaped>>, focus: boolean, caret?: number): Promise<void> {
    const id = this.segment && this.segment.id === meant ? meant : this.became(meant);
    if (!this.segment || id !== this.segment.id || !this.editable) return this.say("This segment cannot be changed now.");
    if (!(await this.quiet(id))) return this.say("Wait until what you saved has reached the site.");
    await this.drafted(id);
    const segment = this.segment;
    if (segment.id !== id) return this.say("You had gone on: it was left as it is.");
    // What stands in the box goes along; a draft that came after it would be of a segment that is no more.
    window.clearTimeout(this.keepTimer);
    window.clearTimeout(this.draftTimer);
    const sent = this.text;
    this.sending++;
    this.relight();
    this.reshaping++;
    const answer = await act(segment);
    this.reshaping--;
    this.sending--;
    this.relight();
    if (!answer.ok) {
      if (this.current === id && this.dirty) this.scheduleKeep();
      this.trouble = answer.refusal.message;
      return this.say(answer.refusal.message);
    }
    this.trouble = "";
    const here = this.current === id;
    const typed = here && this.dirty ? this.text : null;
    const { segments, retired, decision } = answer.value;
    this.undo.push({ operation: decision.id, segment: segments[0]?.id ?? segment.id, label });
    this.undoable = this.undo.size;
    this.savedAt = new Date();
    this.apply(segments, retired);
    this.say(`${label}.`);
    const same = here ? segments.find((one) => one.id === segment.id) : undefined;
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
    const first = segments[0];
    if (retired.includes(segment.id) && first) this.made.set(segment.id, first.id);
    if (!here) return;
    this.current = null;
    this.segment = null;
    if (!first) return;
    await this.open(first.id, { focus, ...(caret === undefined ? {} : { caret }) });
    if (typed !== null && typed !== sent && this.current === first.id) this.newer = { text: typed, by: "You, before it was cut", machine: false, own: true };
  }

  protected standing(segment: Segment): Record<string, unknown> {
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
}
