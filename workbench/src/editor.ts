// The rows: what is typed is kept here until the server has confirmed it, and the light never lies.

import { conflictPanel } from "./conflict";
import { Drafts, storage, verdict } from "./drafts";
import { isPassing, send, uuid, type Refusal } from "./http";
import type { Player } from "./player";
import { boxOf, grow, idOf, renewAround, rowOf, rowsOf, setBase } from "./rows";

const KEEP_MS = 150;
const RENEW_MS = 40_000;
const RETRY_MS = [1_000, 2_000, 4_000, 8_000, 15_000];

interface Saved {
  revision: number;
  text: string;
}

interface Work {
  /** The revision that what is typed stands on. */
  base: number;
  dirty: boolean;
  state: "" | "saving" | "offline" | "conflict" | "held";
  /** Names the present attempt, so that sending it twice is one revision. */
  operation: string;
  sent: string;
  tries: number;
  /** Asked to save again while a save is on its way. */
  again: boolean;
  retry: number | undefined;
  keep: number | undefined;
  lease: string | null;
  renewed: number;
}

export class Editor {
  refresh: (ids: string[]) => void = () => undefined;
  private readonly work = new Map<string, Work>();
  private readonly drafts: Drafts;
  private savedAt: Date | null = null;
  private refused = false;

  constructor(
    root: HTMLElement,
    private readonly list: HTMLElement,
    private readonly player: Player,
  ) {
    this.drafts = new Drafts(root.dataset["person"] ?? "", storage());
    list.addEventListener("input", (event) => this.typed(event.target));
    list.addEventListener("focusin", (event) => this.entered(event.target));
    list.addEventListener("focusout", (event) => this.left(event.target));
    list.addEventListener("submit", (event) => this.submitted(event));
    document.addEventListener("keydown", (event) => this.key(event));
    window.addEventListener("online", () => this.retryAll());
    window.addEventListener("beforeunload", (event) => {
      this.keepAll();
      if ([...this.work.values()].some((work) => work.state === "saving" || work.state === "offline")) event.preventDefault();
    });
    document.addEventListener("visibilitychange", () => document.hidden && this.keepAll());
    for (const form of document.querySelectorAll<HTMLFormElement>("form[data-signs-out]")) {
      form.addEventListener("submit", (event) => {
        const open = [...this.work.values()].filter((work) => work.dirty).length;
        if (open && !window.confirm(`${open} changed text${open > 1 ? "s are" : " is"} not saved. They stay in this browser only. Sign out?`)) {
          event.preventDefault();
        }
      });
    }
    if (!CSS.supports("field-sizing", "content")) {
      for (const box of list.querySelectorAll("textarea")) grow(box);
      list.addEventListener("input", (event) => event.target instanceof HTMLTextAreaElement && grow(event.target));
    }
    for (const row of rowsOf(list)) this.restore(row);
    this.light();
  }

  /** A row has come anew from the server: put it in place, but never over what a person has in hand. */
  arrived(fresh: HTMLElement): void {
    const old = document.getElementById(fresh.id);
    if (!old) return;
    const work = this.work.get(idOf(old));
    const box = boxOf(old);
    const inHand = work?.dirty || work?.state === "saving" || old.contains(document.activeElement);
    if (!inHand) {
      if (old.classList.contains("playing")) fresh.classList.add("playing");
      old.replaceWith(fresh);
      this.work.delete(idOf(fresh));
      return;
    }
    renewAround(old, fresh);
    const revision = Number(fresh.dataset["revision"]);
    const base = work?.base ?? Number(old.dataset["revision"]);
    if (fresh.dataset["locked"] && box) {
      this.note(old, "conflict", "Locked meanwhile. Your text is kept here; copy it, or have the row unlocked.");
    } else if (work?.dirty && revision > base && work.state !== "conflict") {
      this.note(old, "conflict", "Saved by somebody else meanwhile. Saving shows you both texts.");
    } else if (!work?.dirty && revision > base && box) {
      // Somebody saved while the box had focus but nothing was typed: shown as soon as it is left.
      old.dataset["stale"] = "1";
    }
  }

  /** A row was cut anew and is no more; what was typed into it stays to be seen. */
  retired(id: string): void {
    const row = document.getElementById(`s${id}`);
    if (!row) return;
    const work = this.work.get(id);
    if (work?.dirty || work?.state === "saving") {
      this.note(row, "conflict", "Cut anew by somebody else. Your text is kept here; copy it into the rows before this one.");
      return;
    }
    this.work.delete(id);
    row.remove();
  }

  // -- Typing ---------------------------------------------------------------------------------------------

  private workOf(row: HTMLElement): Work {
    const id = idOf(row);
    let work = this.work.get(id);
    if (!work) {
      const base = Number(row.dataset["revision"]);
      work = { base, dirty: false, state: "", operation: "", sent: "", tries: 0, again: false, retry: undefined, keep: undefined, lease: null, renewed: 0 };
      this.work.set(id, work);
    }
    return work;
  }

  private typed(target: EventTarget | null): void {
    const row = rowOf(target);
    const box = row && boxOf(row);
    if (!row || !box || target !== box) return;
    const work = this.workOf(row);
    const was = work.dirty;
    work.dirty = box.value !== box.defaultValue;
    row.classList.toggle("dirty", work.dirty);
    window.clearTimeout(work.keep);
    work.keep = window.setTimeout(() => this.keep(row), KEEP_MS);
    if (Date.now() - work.renewed > RENEW_MS) void this.lease(row);
    if (work.state === "" && !work.dirty) this.note(row, "", "");
    if (was !== work.dirty) this.light();
  }

  private keep(row: HTMLElement): void {
    const work = this.workOf(row);
    const box = boxOf(row);
    if (!box) return;
    if (!work.dirty) this.drafts.remove(idOf(row));
    else this.refused = !this.drafts.write(idOf(row), { text: box.value, base: work.base, at: Date.now() });
    this.light();
  }

  private keepAll(): void {
    for (const row of rowsOf(this.list)) if (this.work.get(idOf(row))?.dirty) this.keep(row);
  }

  /** Bring back what was typed before a reload or a crash. */
  private restore(row: HTMLElement): void {
    const box = boxOf(row);
    const draft = this.drafts.read(idOf(row));
    const revision = Number(row.dataset["revision"]);
    const what = verdict(draft, box?.defaultValue ?? row.querySelector(".text")?.textContent ?? "", revision);
    if (what === "none" || draft === null) return;
    if (what === "forget") return this.drafts.remove(idOf(row));
    const at = new Date(draft.at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
    if (!box) {
      this.note(row, "conflict", `Locked. What you typed at ${at} is kept in this browser: “${draft.text}”`);
      return;
    }
    const work = this.workOf(row);
    const theirs = box.defaultValue;
    work.dirty = true;
    work.base = draft.base;
    box.value = draft.text;
    row.classList.add("dirty");
    if (what === "compare") this.conflict(row, theirs, revision);
    else {
      this.note(row, "", `Restored from ${at}`);
      this.discardButton(row);
    }
  }

  private discardButton(row: HTMLElement): void {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "small ghost";
    button.textContent = "Discard";
    button.addEventListener("click", () => {
      const box = boxOf(row);
      if (box) box.value = box.defaultValue;
      this.settle(row);
      this.refresh([idOf(row)]);
    });
    row.querySelector(".seg-note")?.append(" ", button);
  }

  // -- Leases ---------------------------------------------------------------------------------------------

  private entered(target: EventTarget | null): void {
    const row = rowOf(target);
    if (row && target === boxOf(row)) void this.lease(row);
  }

  private async lease(row: HTMLElement): Promise<void> {
    const work = this.workOf(row);
    work.renewed = Date.now();
    const answer = await send<{ token: string }>("POST", `/api/segments/${idOf(row)}/lease/`);
    if (answer.ok) {
      // Left before the answer came: nobody edits it, and others should not wait until it runs out.
      if (!this.work.get(idOf(row))?.renewed) return void send("DELETE", `/api/segments/${idOf(row)}/lease/`, undefined, true);
      work.lease = answer.value.token;
      if (work.state === "held") {
        work.state = "";
        this.note(row, "", "");
      }
    } else if (answer.refusal.status === 423) {
      work.lease = null;
      work.state = "held";
      this.note(row, "conflict", answer.refusal.message);
    }
  }

  private left(target: EventTarget | null): void {
    const row = rowOf(target);
    if (!row || target !== boxOf(row)) return;
    const id = idOf(row);
    const work = this.work.get(id);
    if (work && !work.dirty && work.state !== "saving") {
      if (work.state === "held") this.note(row, "", "");
      if (work.lease !== null) void send("DELETE", `/api/segments/${id}/lease/`, undefined, true);
      this.work.delete(id);
      if (row.dataset["stale"]) this.refresh([id]);
    }
  }

  // -- Saving ---------------------------------------------------------------------------------------------

  /** Save a row; true when the server has it. An untouched draft is accepted as it is. */
  async save(row: HTMLElement): Promise<boolean> {
    const box = boxOf(row);
    if (!box) return false;
    const work = this.workOf(row);
    if (work.state === "saving") {
      work.again = box.value !== work.sent;
      return false;
    }
    window.clearTimeout(work.retry);
    window.clearTimeout(work.keep);
    const text = box.value;
    if (work.operation === "" || work.sent !== text) work.operation = uuid();
    work.sent = text;
    work.again = false;
    work.state = "saving";
    if (work.dirty) this.keep(row);
    this.note(row, "", "");
    this.light();
    const body: Record<string, unknown> = { text, base_revision: work.base, operation_id: work.operation };
    if (work.lease !== null) body["lease"] = work.lease;
    const answer = await send<Saved>("PATCH", `/api/segments/${idOf(row)}/`, body);
    if (!answer.ok) {
      this.failed(row, answer.refusal);
      return false;
    }
    this.savedAt = new Date();
    work.base = answer.value.revision;
    work.operation = "";
    work.tries = 0;
    box.defaultValue = box.value === text ? box.value : answer.value.text;
    row.dataset["revision"] = String(answer.value.revision);
    setBase(row, answer.value.revision);
    row.querySelector(".conflict")?.remove();
    if (box.value === text) this.settle(row);
    else {
      // More was typed while the save was on its way: that is the next save's.
      work.state = "";
      this.keep(row);
    }
    this.light();
    this.refresh([idOf(row)]);
    if (work.again && box.value !== text) return this.save(row);
    return true;
  }

  /** Nothing of this row is unconfirmed any more. */
  private settle(row: HTMLElement): void {
    const work = this.workOf(row);
    window.clearTimeout(work.keep);
    work.dirty = false;
    work.state = "";
    row.classList.remove("dirty");
    row.querySelector(".conflict")?.remove();
    this.drafts.remove(idOf(row));
    this.note(row, "", "");
    this.light();
    // The person went on while the answer was on its way: others may have the row now.
    const box = boxOf(row);
    if (box !== document.activeElement) this.left(box);
  }

  private failed(row: HTMLElement, refusal: Refusal): void {
    const work = this.workOf(row);
    if (refusal.code === "stale_revision") {
      const theirs = String(refusal.detail["theirs"] ?? "");
      work.state = "";
      if (theirs === work.sent) {
        work.base = Number(refusal.detail["revision"]);
        const box = boxOf(row);
        if (box) box.defaultValue = theirs;
        this.settle(row);
        this.refresh([idOf(row)]);
      } else this.conflict(row, theirs, Number(refusal.detail["revision"]));
      return;
    }
    if (isPassing(refusal)) {
      work.state = "offline";
      this.note(row, "offline", "Not sent yet; kept in this browser.");
      const wait = RETRY_MS[Math.min(work.tries++, RETRY_MS.length - 1)] ?? 15_000;
      work.retry = window.setTimeout(() => void this.save(row), wait);
    } else {
      work.state = refusal.status === 423 ? "held" : "conflict";
      const login = refusal.status === 401 || refusal.code === "csrf_failed";
      this.note(row, "conflict", login ? "Your login has ended. Your text is kept here: sign in in another tab, reload this page." : refusal.message);
      work.lease = refusal.code === "leased" ? null : work.lease;
      if (refusal.code === "locked") this.refresh([idOf(row)]);
    }
    this.light();
  }

  private retryAll(): void {
    for (const row of rowsOf(this.list)) if (this.work.get(idOf(row))?.state === "offline") void this.save(row);
  }

  private conflict(row: HTMLElement, theirs: string, revision: number): void {
    const work = this.workOf(row);
    const box = boxOf(row);
    if (!box) return;
    work.state = "conflict";
    this.note(row, "", "");
    row.querySelector(".conflict")?.remove();
    const panel = conflictPanel(theirs, box, {
      mine: () => {
        work.base = revision;
        void this.save(row);
      },
      theirs: () => {
        box.value = box.defaultValue = theirs;
        work.base = revision;
        row.dataset["revision"] = String(revision);
        setBase(row, revision);
        this.settle(row);
        this.refresh([idOf(row)]);
      },
    });
    box.after(panel);
    this.light();
  }

  private submitted(event: SubmitEvent): void {
    const form = event.target as HTMLFormElement;
    const row = rowOf(form);
    if (!row) return;
    event.preventDefault();
    const button = event.submitter as HTMLButtonElement | null;
    if (form.classList.contains("unlock-form")) void this.unlock(row, form);
    else if (button?.name === "take") void this.take(row, form, button);
    else if (button?.hasAttribute("formaction")) void this.lock(row);
    else void this.save(row);
  }

  private async lock(row: HTMLElement): Promise<void> {
    const work = this.workOf(row);
    if (work.dirty && !(await this.save(row))) return;
    const answer = await send("POST", `/api/segments/${idOf(row)}/lock/`, { base_revision: work.base });
    if (!answer.ok) this.note(row, "conflict", answer.refusal.message);
    if (document.activeElement instanceof HTMLElement && row.contains(document.activeElement)) document.activeElement.blur();
    this.refresh([idOf(row)]);
  }

  private async unlock(row: HTMLElement, form: HTMLFormElement): Promise<void> {
    const reason = new FormData(form).get("reason");
    const answer = await send("POST", `/api/segments/${idOf(row)}/unlock/`, { reason });
    if (!answer.ok) return this.note(row, "conflict", answer.refusal.message);
    if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
    this.refresh([idOf(row)]);
  }

  /** Take what a machine suggests, on top of what is there. */
  private async take(row: HTMLElement, form: HTMLFormElement, button: HTMLButtonElement): Promise<void> {
    const work = this.workOf(row);
    const body = new FormData(form, button);
    body.set("base_revision", String(work.base));
    const response = await fetch(form.action, { method: "POST", body, redirect: "manual", credentials: "same-origin" }).catch(() => null);
    if (response?.type !== "opaqueredirect") return this.note(row, "conflict", "That did not work; reload the page and look again.");
    const box = boxOf(row);
    if (box) box.value = box.defaultValue;
    this.settle(row);
    this.savedAt = new Date();
    (document.activeElement as HTMLElement | null)?.blur();
    this.work.delete(idOf(row));
    this.refresh([idOf(row)]);
    this.light();
  }

  // -- Keys -----------------------------------------------------------------------------------------------

  private key(event: KeyboardEvent): void {
    if (event.isComposing || event.getModifierState("AltGraph")) return;
    const row = rowOf(document.activeElement);
    const chord = (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey;
    if (row && chord && event.code === "KeyS") {
      event.preventDefault();
      void this.save(row);
    } else if (row && chord && (event.code === "Enter" || event.code === "NumpadEnter")) {
      event.preventDefault();
      const work = this.workOf(row);
      const untouched = ["draft", "refined", "pending"].includes(row.dataset["state"] ?? "");
      if (work.dirty || untouched) void this.save(row);
      this.go(row, 1, true);
    } else if (chord && event.code === "Space") {
      event.preventDefault();
      if (row) this.player.toggle(row);
      else this.player.pause();
    } else if (row && event.altKey && !event.ctrlKey && !event.shiftKey && (event.code === "ArrowDown" || event.code === "ArrowUp")) {
      event.preventDefault();
      this.go(row, event.code === "ArrowDown" ? 1 : -1, false);
    } else if (event.code === "Escape" && this.player.playing) {
      this.player.pause();
    }
  }

  /** Go to the next row that can be edited, and play it where the keys said save. */
  private go(row: HTMLElement, step: 1 | -1, play: boolean): void {
    let next = step === 1 ? row.nextElementSibling : row.previousElementSibling;
    while (next instanceof HTMLElement && !boxOf(next)) next = step === 1 ? next.nextElementSibling : next.previousElementSibling;
    if (!(next instanceof HTMLElement)) {
      document.querySelector<HTMLElement>(step === 1 ? ".pages [rel=next]" : ".pages [rel=prev]")?.focus();
      return;
    }
    const box = boxOf(next);
    box?.focus({ preventScroll: true });
    box?.setSelectionRange(box.value.length, box.value.length);
    next.scrollIntoView({ block: "nearest" });
    if (play) this.player.play(next);
  }

  // -- What is said ---------------------------------------------------------------------------------------

  private note(row: HTMLElement, state: string, words: string): void {
    const note = row.querySelector<HTMLElement>(".seg-note");
    if (!note) return;
    note.dataset["state"] = state;
    note.textContent = words;
  }

  private light(): void {
    const light = document.getElementById("save-light");
    if (!light) return;
    const all = [...this.work.values()];
    const count = (state: Work["state"]) => all.filter((work) => work.state === state).length;
    const [saving, offline, conflict] = [count("saving"), count("offline"), count("conflict")];
    const dirty = all.filter((work) => work.dirty).length;
    let state = "saved";
    let words = this.savedAt ? `Saved ${this.savedAt.toLocaleTimeString()}` : "";
    if (this.refused) [state, words] = ["offline", "This browser keeps nothing: save often"];
    else if (offline) [state, words] = ["offline", `Offline, ${offline} kept here`];
    else if (conflict) [state, words] = ["conflict", conflict === 1 ? "Conflict" : `${conflict} conflicts`];
    else if (saving) [state, words] = ["saving", "Saving…"];
    else if (dirty) [state, words] = ["unsaved", `${dirty} not saved`];
    if (light.dataset["state"] !== state) light.dataset["state"] = state;
    if (light.textContent !== words) light.textContent = words;
  }
}
