// One recording: sound, rows that fill in, and text that is never lost on its way.

import { Editor } from "./editor";
import { follow, Gather } from "./events";
import { fragment, send } from "./http";
import { again, Order } from "./order";
import { Player } from "./player";

function start(root: HTMLElement): void {
  const recording = root.dataset["recording"] ?? "";
  const list = document.getElementById("segments");
  const player = new Player(root);
  const editor = list ? new Editor(root, list, player) : null;
  const back = encodeURIComponent(root.dataset["back"] ?? "");
  const order = new Order();

  /** Rows took the place of others: put them there, as far as this page shows them. */
  async function reshaped(retired: string[], made: string[]): Promise<void> {
    const place = retired.map((id) => document.getElementById(`s${id}`)).find((row) => row !== null);
    if (!place || !editor) return;
    const piece = await fragment(`${root.dataset["rows"]}?ids=${made.join(",")}&back=${back}`);
    if (!piece) return;
    for (const row of piece.querySelectorAll<HTMLElement>("li.segment")) if (!document.getElementById(row.id)) place.before(row);
    for (const id of retired) editor.retired(id);
  }

  async function refreshRows(ids: string[]): Promise<void> {
    const here = ids.filter((id) => document.getElementById(`s${id}`));
    if (!here.length || !editor) return;
    const asked = order.ask();
    const piece = await fragment(`${root.dataset["rows"]}?ids=${here.join(",")}&back=${back}`);
    if (!piece) return;
    for (const row of piece.querySelectorAll<HTMLElement>("li.segment")) if (order.newest(row.id, asked)) editor.arrived(row);
  }

  const refreshHead = again(async () => {
    const piece = await fragment(root.dataset["head"] ?? "");
    const fresh = piece?.getElementById("recording-head");
    const old = document.getElementById("recording-head");
    if (!piece || !fresh || !old) return;
    // Segments have appeared, or the audio has: the page has parts now that it had not.
    if (fresh.dataset["state"] !== root.dataset["state"] || (!list && fresh.dataset["segments"] !== "0")) {
      location.reload();
      return;
    }
    if (!old.contains(document.activeElement)) old.replaceWith(fresh);
    const states = piece.getElementById("states");
    if (states) document.getElementById("states")?.replaceWith(states);
  });

  /** Compare what is shown with what is true, and fetch only rows that differ. */
  async function refreshAll(): Promise<void> {
    void refreshHead();
    if (!list) return;
    const rows = [...list.querySelectorAll<HTMLElement>("li.segment")];
    const ids = rows.map((row) => row.dataset["segment"] ?? "");
    try {
      const response = await fetch(`${root.dataset["stamps"]}?ids=${ids.join(",")}`, {
        headers: { "X-Earmark-Fragment": "1" },
        credentials: "same-origin",
      });
      if (!response.ok) return;
      const stamps = (await response.json()) as Record<string, string>;
      const changed = rows.filter((row) => stamps[row.dataset["segment"] ?? ""] !== row.dataset["stamp"]);
      await refreshRows(changed.map((row) => row.dataset["segment"] ?? ""));
    } catch {
      // The line is down; the next look comes by itself.
    }
  }

  /** Somebody looks at this recording: what is still to be heard of it goes before everything else. */
  function attend(): void {
    if (document.visibilityState !== "visible") return;
    void send("POST", `/api/recordings/${recording}/attention/`);
  }
  attend();
  document.addEventListener("visibilitychange", attend);

  if (editor) editor.refresh = (ids) => void refreshRows(ids);
  const rows = new Gather(250, (ids) => void refreshRows(ids));
  const head = new Gather(900, () => void refreshHead());
  follow(root.dataset["project"] ?? "", {
    on: (happening) => {
      if (happening.recording !== recording) return;
      if (happening.segment) rows.add(happening.segment);
      if (happening.name === "segments.reshaped") void reshaped(ids(happening.data["retired"]), ids(happening.data["made"]));
      if (!["lease.changed", "lease.asked", "presence.changed"].includes(happening.name)) head.add("head");
    },
    refresh: () => void refreshAll(),
    state: () => undefined,
  });
}

function ids(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

const root = document.getElementById("recording");
if (root) start(root);
