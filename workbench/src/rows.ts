// A row of the recording page as elements: its id, its box, and what stands around the box.

export function idOf(row: HTMLElement): string {
  return row.dataset["segment"] ?? "";
}

export function rowOf(target: EventTarget | null): HTMLElement | null {
  return target instanceof Element ? target.closest<HTMLElement>("li.segment") : null;
}

export function rowsOf(list: HTMLElement): HTMLElement[] {
  return [...list.querySelectorAll<HTMLElement>("li.segment")];
}

export function boxOf(row: Element): HTMLTextAreaElement | null {
  return row.querySelector<HTMLTextAreaElement>("textarea[name=text]");
}

export function setBase(row: HTMLElement, revision: number): void {
  const field = row.querySelector<HTMLInputElement>("input[name=base_revision]");
  if (field) field.value = String(revision);
}

export function grow(box: HTMLTextAreaElement): void {
  box.style.height = "auto";
  box.style.height = `${box.scrollHeight + 2}px`;
}

/** Renew everything of a row but its box. */
export function renewAround(old: HTMLElement, fresh: HTMLElement): void {
  const note = old.querySelector<HTMLElement>(".seg-note");
  const meta = fresh.querySelector<HTMLElement>(".seg-meta");
  const oldMeta = old.querySelector<HTMLElement>(".seg-meta");
  const freshNote = meta?.querySelector<HTMLElement>(".seg-note");
  if (note && freshNote) {
    freshNote.textContent = note.textContent;
    freshNote.dataset["state"] = note.dataset["state"] ?? "";
  }
  if (meta && oldMeta && !oldMeta.contains(document.activeElement)) oldMeta.replaceWith(meta);
  const suggestion = fresh.querySelector(".suggestion");
  const oldSuggestion = old.querySelector(".suggestion");
  if (suggestion && oldSuggestion) oldSuggestion.replaceWith(suggestion);
  else if (suggestion) boxOf(old)?.after(suggestion);
  else oldSuggestion?.remove();
  for (const name of ["stamp", "state"]) old.dataset[name] = fresh.dataset[name] ?? "";
  const kept = ["playing", "dirty"].filter((name) => old.classList.contains(name));
  old.className = [fresh.className, ...kept].join(" ");
}
