// The list of recordings, kept current: lines are fetched again as things happen to them.

import { follow, Gather } from "./events";
import { fragment } from "./http";
import { again, Order } from "./order";

const LABELS = { live: "Live", polling: "Looking every few seconds", closed: "Not live any more: reload the page" };

function start(root: HTMLElement): void {
  const project = root.dataset["project"] ?? "";
  const address = root.dataset["rows"] ?? "";
  const body = root.querySelector("tbody");
  const light = document.getElementById("live-light");
  const plain = new URLSearchParams(location.search).size === 0;
  const order = new Order();

  async function refresh(ids: string[]): Promise<void> {
    const here = ids.filter((id) => document.getElementById(`r${id}`));
    const fresh = ids.length > here.length && plain;
    if (fresh) return reload();
    if (!here.length) return;
    const asked = order.ask();
    const piece = await fragment(`${address}?ids=${here.join(",")}`);
    if (piece === null) return;
    for (const line of piece.querySelectorAll<HTMLElement>("tr[data-recording]")) {
      const old = document.getElementById(line.id);
      if (!old || !order.newest(line.id, asked) || old.contains(document.activeElement)) continue;
      keepTick(old, line);
      old.replaceWith(line);
    }
    const tally = piece.getElementById("project-tally");
    if (tally && order.newest("tally", asked)) document.getElementById("project-tally")?.replaceWith(tally);
  }

  /** A recording that is not on the page yet: take the whole list anew. */
  const reload = again(async () => {
    const asked = order.ask();
    const page = await fragment(location.href);
    const fresh = page?.getElementById("recordings");
    if (!fresh) return;
    const lines = fresh.querySelector("tbody");
    if (body && lines) {
      for (const line of lines.children) {
        order.newest(line.id, asked);
        const old = document.getElementById(line.id);
        if (old) keepTick(old, line);
      }
      body.replaceChildren(...lines.children);
      const tally = page?.getElementById("project-tally");
      if (tally && order.newest("tally", asked)) document.getElementById("project-tally")?.replaceWith(tally);
    } else if (lines) location.reload();
  });

  const gather = new Gather(400, (ids) => void refresh(ids));
  follow(project, {
    on: (happening) => {
      if (happening.recording && !["lease.changed", "lease.asked", "presence.changed"].includes(happening.name)) gather.add(happening.recording);
    },
    refresh: () => {
      if (!body) return void reload();
      for (const line of body.querySelectorAll<HTMLElement>("tr[data-recording]")) gather.add(line.dataset["recording"] ?? "");
    },
    state: (now) => {
      if (!light) return;
      light.dataset["state"] = now === "live" ? "live" : now === "closed" ? "offline" : "";
      light.textContent = LABELS[now];
    },
  });
}

function keepTick(old: Element, fresh: Element): void {
  const [was, now] = [old, fresh].map((row) => row.querySelector<HTMLInputElement>("input[name=recording]"));
  if (was && now) now.checked = was.checked;
}

const root = document.getElementById("recordings");
if (root) start(root);
