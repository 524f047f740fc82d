// The page of exports: what the next version would hold, and the versions as they are written.

import { follow, Gather } from "./events";
import { fragment, send } from "./http";
import { again } from "./order";

const LABELS = { live: "Live", polling: "Looking every few seconds", closed: "Not live any more: reload the page" };
const ASK_AFTER_MS = 250;

interface Preview {
  rows: number;
  audio_ms: number;
  left_out: Record<string, number>;
}

function form(root: HTMLFormElement): void {
  const about = document.getElementById("format-about");
  const how = document.getElementById("how");
  const words = document.getElementById("preview");
  let asked = 0;
  let timer: number | undefined;

  /** Show what the chosen format is, and the options that it has. */
  function format(): void {
    const chosen = root.querySelector<HTMLInputElement>("input[name=format]:checked");
    const has = (chosen?.dataset["has"] ?? "").split(" ");
    if (about) about.textContent = chosen?.dataset["about"] ?? "";
    show(".needs-split", has.includes("split"));
    show(".needs-normalise", has.includes("normalise"));
    show(".needs-no-cut", !has.includes("cut"));
  }

  function show(selector: string, on: boolean): void {
    for (const part of how?.querySelectorAll<HTMLElement>(selector) ?? []) part.hidden = !on;
  }

  async function preview(): Promise<void> {
    const mine = ++asked;
    const given = new FormData(root);
    const all = (name: string) => given.getAll(name).map(String);
    const filter = {
      rows: given.get("rows"),
      states: all("states"),
      since: given.get("since") ?? "",
      until: given.get("until") ?? "",
      verdicts: all("verdicts"),
      annotators: all("annotators"),
      recordings: all("recordings"),
    };
    words?.setAttribute("data-asking", "");
    const answer = await send<Preview>("POST", root.dataset["preview"] ?? "", { filter });
    if (mine !== asked || !words) return; // another was asked since
    words.removeAttribute("data-asking");
    words.classList.toggle("wrong", !answer.ok);
    if (answer.ok) words.replaceChildren(...said(answer.value));
    else words.textContent = answer.refusal.message;
  }

  root.addEventListener("change", (event) => {
    const name = (event.target as HTMLInputElement).name;
    if (name === "format") format();
    if (!["rows", "states", "since", "until", "verdicts", "annotators", "recordings"].includes(name)) return;
    window.clearTimeout(timer);
    timer = window.setTimeout(() => void preview(), ASK_AFTER_MS);
  });
  format();
}

function said(found: Preview): Node[] {
  const rows = element("strong", found.rows.toLocaleString("en"), "number");
  const parts: Node[] = [rows, new Text(found.rows === 1 ? " row, " : " rows, "), element("strong", hours(found.audio_ms))];
  const left = Object.entries(found.left_out).map(([state, count]) => `${count.toLocaleString("en")} ${state}`);
  if (left.length) parts.push(new Text(" "), element("span", `left out by state: ${left.join(", ")}`, "muted"));
  return parts;
}

function element(tag: string, text: string, name = ""): HTMLElement {
  const made = document.createElement(tag);
  made.textContent = text;
  if (name) made.className = name;
  return made;
}

/** An amount of audio as the server writes it. */
function hours(ms: number): string {
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const [whole, rest] = [Math.floor(minutes / 60), minutes % 60];
  return rest && whole < 100 ? `${whole} h ${rest} min` : `${whole} h`;
}

function versions(root: HTMLElement): void {
  const light = document.getElementById("live-light");

  const refresh = again(async () => {
    const piece = await fragment(root.dataset["rows"] ?? "");
    if (piece === null) return;
    const open = new Set([...root.querySelectorAll("details[open]")].map((one) => one.closest("li")?.id));
    for (const line of piece.querySelectorAll<HTMLElement>("li.export-version")) {
      const more = line.querySelector("details");
      if (more && open.has(line.id)) more.open = true;
      const old = document.getElementById(line.id);
      // What nobody has changed stays, and so does what somebody is just using.
      if (old && (old.isEqualNode(line) || old.contains(document.activeElement))) line.replaceWith(old);
    }
    root.replaceChildren(piece);
  });

  const gather = new Gather(300, () => void refresh());
  follow(root.dataset["project"] ?? "", {
    on: (happening) => {
      if (happening.data["kind"] === "export") gather.add("any");
    },
    refresh: () => gather.add("any"),
    state: (now) => {
      if (!light) return;
      light.dataset["state"] = now === "live" ? "live" : now === "closed" ? "offline" : "";
      light.textContent = LABELS[now];
    },
  });
}

const asking = document.getElementById("export-form");
if (asking instanceof HTMLFormElement) form(asking);
const list = document.getElementById("export-versions");
if (list) versions(list);
