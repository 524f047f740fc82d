// Both texts of a save that came too late, side by side, with a button for each.

import { changes, shown } from "./words";

export function conflictPanel(
  theirs: string,
  box: HTMLTextAreaElement,
  choose: { mine: () => void; theirs: () => void },
): HTMLElement {
  const panel = document.createElement("div");
  panel.className = "conflict";
  panel.setAttribute("role", "group");
  panel.setAttribute("aria-label", "Two texts for one segment");
  const words = document.createElement("p");
  words.textContent = "Somebody saved this segment after you opened it. Nothing is lost: choose one, or edit yours above and save it.";
  const texts = document.createElement("div");
  texts.className = "texts";
  const mine = side("Yours, against theirs", "Save mine", "primary", choose.mine);
  const other = side("Theirs", "Take theirs", "", choose.theirs);
  const text = document.createElement("p");
  text.className = "text";
  text.dir = "auto";
  text.textContent = theirs || "(empty)";
  other.head.after(text);
  const difference = () => {
    mine.place.querySelector(".text")?.remove();
    mine.head.after(shown(changes(theirs, box.value)));
  };
  difference();
  box.addEventListener("input", () => panel.isConnected && difference());
  texts.append(mine.place, other.place);
  panel.append(words, texts);
  return panel;
}

function side(title: string, label: string, look: string, act: () => void): { place: HTMLElement; head: HTMLElement } {
  const place = document.createElement("div");
  const head = document.createElement("h3");
  head.textContent = title;
  const button = document.createElement("button");
  button.type = "button";
  button.className = `small ${look}`;
  button.textContent = label;
  button.addEventListener("click", act);
  place.append(head, button);
  return { place, head };
}
