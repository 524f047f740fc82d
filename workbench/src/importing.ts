// A large drop of the import page: its files by tus, three at a time, then all of them as one import.
// A small one goes as the form it is.

import type { Upload } from "tus-js-client";
import { left, size, Speed } from "./format";
import { send } from "./http";
import { begin, forget, transfer } from "./transfer";

const AT_ONCE = 3;
const LARGE = 32_000_000;

interface Item {
  file: File;
  sent: number;
  state: "waiting" | "sending" | "whole" | "failed" | "left";
  upload: Upload;
}

function drop(form: HTMLFormElement, files: File[]): void {
  const { endpoint = "", begin: address = "" } = form.dataset;
  const total = files.reduce((sum, file) => sum + file.size, 0);
  const speed = new Speed();
  const place = document.createElement("div");
  place.className = "sending";
  place.innerHTML =
    '<div class="progress-line"><svg class="bar" role="img" preserveAspectRatio="none"><rect class="bar-ground" width="100%" height="100%"/>' +
    '<rect class="bar-upload" width="0" height="100%"/></svg><span class="figure"></span></div><p class="small words" role="status"></p>' +
    '<p class="small refusal" role="alert" dir="auto"></p><div class="actions"><button type="button" class="small ghost"></button>' +
    '<button type="button" class="small ghost" hidden>Go on without it</button></div>';
  const bar = place.querySelector(".bar") as SVGElement;
  const words = place.querySelector(".words") as HTMLElement;
  const refusal = place.querySelector(".refusal") as HTMLElement;
  const [button, leave] = place.querySelectorAll("button") as unknown as [HTMLButtonElement, HTMLButtonElement];
  let paused = false;
  let over = false;
  let unanswered = false;

  const items: Item[] = files.map((file) => {
    const item: Item = {
      file,
      sent: 0,
      state: "waiting",
      upload: transfer(file, {
        endpoint,
        chunk: Number(form.dataset["chunk"]),
        metadata: { import: "" },
        // Apart from the same file on its way to become a recording.
        fingerprint: (one) => ["earmark-import", form.dataset["project"], one.name, one.size, one.lastModified].join("-"),
        onProgress: (sent) => {
          item.sent = sent;
          speed.mark(arrived(), performance.now());
          paint();
        },
        onRefused: (message) => {
          item.state = "failed";
          refusal.textContent = `${file.name}: ${message}`;
          next();
        },
        onWhole: () => {
          item.state = "whole";
          item.sent = file.size;
          next();
        },
      }),
    };
    return item;
  });

  const arrived = () => items.reduce((sum, item) => sum + item.sent, 0);
  const count = (state: Item["state"]) => items.filter((item) => item.state === state).length;

  function next(): void {
    let room = AT_ONCE - count("sending");
    for (const item of items) {
      if (paused || room <= 0) break;
      if (item.state !== "waiting") continue;
      room--;
      item.state = "sending";
      void begin(item.upload, () => item.state === "sending");
    }
    paint();
    if (count("whole") && count("whole") + count("left") === items.length) void finish();
  }

  async function finish(): Promise<void> {
    if (over) return;
    over = true;
    const whole = items.filter((item) => item.state === "whole");
    const answer = await send<{ id: string }>("POST", address, { uploads: whole.map(idOf) });
    const gone = answer.ok ? [] : ((answer.refusal.detail["uploads"] as string[] | undefined) ?? []);
    if (answer.ok || (unanswered && gone.length)) {
      // Where an answer was lost on its way the import is there all the same: this page shows it.
      await Promise.all(whole.map((item) => forget(item.upload)));
      if (answer.ok) location.assign(`/imports/${answer.value.id}/`);
      else location.reload();
      return;
    }
    over = false;
    unanswered ||= answer.refusal.status === 0;
    refusal.textContent = answer.refusal.message;
    for (const item of whole.filter((one) => gone.includes(idOf(one) ?? ""))) {
      item.state = "failed";
      item.sent = 0;
    }
    paint();
  }

  function idOf(item: Item): string | undefined {
    return (item.upload.url ?? "").replace(/\/+$/, "").split("/").at(-1);
  }

  function paint(): void {
    const percent = total ? Math.floor((100 * arrived()) / total) : 0;
    bar.querySelector(".bar-upload")!.setAttribute("width", `${percent}%`);
    bar.setAttribute("aria-label", `${percent} % sent`);
    place.querySelector(".figure")!.textContent = `${percent} %`;
    const going = count("sending") > 0;
    const rest = going && speed.value ? [`${size(speed.value)}/s`, left((total - arrived()) / speed.value)] : [];
    words.textContent = [`${count("whole")} of ${items.length} files`, `${size(arrived())} of ${size(total)}`, ...rest].join(" · ");
    const stuck = !going && !count("waiting") && !over;
    leave.hidden = !(stuck && count("failed") && count("whole"));
    leave.textContent = count("failed") > 1 ? `Go on without these ${count("failed")}` : "Go on without it";
    button.textContent = stuck ? "Try again" : paused ? "Resume" : "Pause";
    if (!stuck && !refusal.textContent && paused) words.textContent += " · paused";
  }

  button.addEventListener("click", () => {
    refusal.textContent = "";
    if (button.textContent === "Pause") {
      paused = true;
      for (const item of items)
        if (item.state === "sending") {
          item.state = "waiting";
          void item.upload.abort(false).catch(() => undefined);
        }
    } else {
      paused = false;
      for (const item of items) if (item.state === "failed") item.state = "waiting";
    }
    next();
  });
  leave.addEventListener("click", () => {
    refusal.textContent = "";
    for (const item of items) if (item.state === "failed") item.state = "left";
    next();
  });
  window.addEventListener("beforeunload", (event) => {
    if (!over) event.preventDefault();
  });
  for (const element of form.querySelectorAll<HTMLInputElement | HTMLButtonElement>("input, button")) element.disabled = true;
  form.append(place);
  next();
}

document.addEventListener("submit", (event) => {
  const form = event.target as HTMLFormElement;
  if (!form.matches("form[data-begin]")) return;
  const files = [...(form.querySelector<HTMLInputElement>("input[type=file]")?.files ?? [])];
  if (files.reduce((sum, file) => sum + file.size, 0) < LARGE) return;
  event.preventDefault();
  drop(form, files);
});
