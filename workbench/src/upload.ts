// Many files at once: three transfers in parallel, each resumable by tus, each with its own say.

import { defaultOptions, type HttpResponse, type PreviousUpload, type Upload } from "tus-js-client";
import { chosenFiles, droppedFiles, sort } from "./files";
import { left, size, Speed } from "./format";
import { csrfToken } from "./http";
import { begin, transfer as transferred } from "./transfer";

const AT_ONCE = 3;

type State = "waiting" | "sending" | "paused" | "done" | "failed" | "absent";

interface Item {
  name: string;
  bytes: number;
  sent: number;
  state: State;
  speed: Speed;
  upload: Upload | null;
  row: HTMLLIElement;
  previous: PreviousUpload | null;
}

function start(form: HTMLFormElement): void {
  const endpoint = form.dataset["endpoint"] ?? "";
  const chunk = Number(form.dataset["chunk"]);
  const most = Number(form.dataset["max"]);
  const list = document.getElementById("uploads") as HTMLUListElement;
  const queue = document.getElementById("queue") as HTMLElement;
  const words = document.getElementById("queue-words") as HTMLElement;
  const pauseAll = document.getElementById("pause-all") as HTMLButtonElement;
  const retryFailed = document.getElementById("retry-failed") as HTMLButtonElement;
  const drop = document.getElementById("drop") as HTMLElement;
  const items: Item[] = [];
  let skipped = 0;
  let painting = false;

  function add(files: File[]): void {
    const { wanted, other } = sort(files);
    skipped += other.length;
    for (const file of wanted) {
      const absent = items.find((item) => item.state === "absent" && item.name === file.name && item.bytes === file.size);
      if (absent) remove(absent);
      if (items.some((item) => item.upload?.file === file)) continue;
      const item = made(file.name, file.size, "waiting");
      if (file.size === 0) fail(item, "The file is empty; record or export it again.");
      else if (file.size > most) fail(item, `The file has ${size(file.size)}; the limit here is ${size(most)}.`);
      else item.upload = transfer(item, file);
    }
    next();
  }

  function made(name: string, bytes: number, state: State): Item {
    const row = document.createElement("li");
    const item: Item = { name, bytes, sent: 0, state, speed: new Speed(), upload: null, row, previous: null };
    row.innerHTML =
      '<span class="file-name" dir="auto"></span><span class="size"></span><span class="how"></span>' +
      '<span class="do"></span><svg class="bar" role="img" preserveAspectRatio="none"><rect class="bar-ground" width="100%" height="100%"/>' +
      '<rect class="bar-upload" width="0" height="100%"/></svg><p class="words" dir="auto"></p>';
    row.querySelector(".file-name")!.textContent = name;
    row.querySelector(".size")!.textContent = size(bytes);
    items.push(item);
    list.append(row);
    queue.hidden = false;
    buttons(item);
    paint();
    return item;
  }

  function transfer(item: Item, file: File): Upload {
    const segmentation = new FormData(form).get("segmentation");
    const metadata: Record<string, string> = {};
    if (typeof segmentation === "string" && segmentation) metadata["segmentation"] = segmentation;
    return transferred(file, {
      endpoint,
      chunk,
      metadata,
      onProgress: (sent) => {
        item.sent = sent;
        item.speed.mark(sent, performance.now());
        paint();
      },
      onRefused: (message) => {
        fail(item, message);
        next();
      },
      onWhole: (answer) => {
        item.sent = item.bytes;
        finish(item, answer);
        next();
      },
    });
  }

  function finish(item: Item, response: HttpResponse): void {
    item.state = "done";
    const recording = response.getHeader("Earmark-Recording");
    const line = item.row.querySelector(".words") as HTMLElement;
    line.textContent = "";
    if (recording && /^\d+$/.test(recording)) {
      const link = document.createElement("a");
      link.href = `/recordings/${recording}/`;
      const duplicate = response.getHeader("Earmark-Duplicate");
      if (duplicate === "trashed") {
        link.href = form.dataset["trash"] ?? "";
        link.textContent = "the trash";
        line.append("The same audio lies in ", link, " of this project. Restore it there; nothing was stored twice.");
      } else if (duplicate === "true") {
        link.textContent = "this recording";
        line.append("Already here as ", link, "; nothing was stored twice.");
        item.row.dataset["duplicate"] = "1";
        void nameOf(recording).then((name) => name && (link.textContent = name));
      } else {
        link.textContent = "Open it";
        line.append("Uploaded; it is being transcribed. ", link);
      }
    }
    buttons(item);
    paint();
  }

  async function nameOf(recording: string): Promise<string> {
    try {
      const response = await fetch(`/api/recordings/${recording}/`, { credentials: "same-origin" });
      const data: unknown = response.ok ? await response.json() : null;
      const name = (data as { name?: unknown } | null)?.name;
      return typeof name === "string" ? name : "";
    } catch {
      return "";
    }
  }

  function fail(item: Item, message: string): void {
    item.state = "failed";
    item.row.querySelector(".words")!.textContent = message;
    buttons(item);
    paint();
  }

  function next(): void {
    let room = AT_ONCE - items.filter((item) => item.state === "sending").length;
    for (const item of items) {
      if (room <= 0) break;
      if (item.state !== "waiting" || !item.upload) continue;
      room--;
      item.state = "sending";
      item.speed = new Speed();
      buttons(item);
      void begin(item.upload, () => item.state === "sending");
    }
    paint();
  }

  async function pause(item: Item): Promise<void> {
    item.state = "paused";
    buttons(item);
    await item.upload?.abort(false).catch(() => undefined);
    next();
  }

  function resume(item: Item): void {
    item.state = "waiting";
    item.row.querySelector(".words")!.textContent = "";
    buttons(item);
    next();
  }

  async function cancel(item: Item): Promise<void> {
    remove(item);
    // An upload that never began has nothing on the server; one that ended there answers 410.
    await item.upload?.abort(item.upload.url !== null).catch(() => undefined);
    if (item.previous) {
      await defaultOptions.urlStorage?.removeUpload(item.previous.urlStorageKey).catch(() => undefined);
      if (item.previous.uploadUrl) await endOnServer(item.previous.uploadUrl);
    }
    next();
  }

  async function endOnServer(address: string): Promise<void> {
    const path = new URL(address, location.href);
    if (path.origin !== location.origin) return;
    await fetch(path, { method: "DELETE", headers: { "Tus-Resumable": "1.0.0", "X-CSRFToken": csrfToken() } }).catch(() => undefined);
  }

  function remove(item: Item): void {
    items.splice(items.indexOf(item), 1);
    item.row.remove();
    paint();
  }

  function buttons(item: Item): void {
    const place = item.row.querySelector(".do") as HTMLElement;
    const made: [string, () => void][] = [];
    if (item.state === "sending" || item.state === "waiting") made.push(["Pause", () => void pause(item)]);
    if (item.state === "paused") made.push(["Resume", () => resume(item)]);
    if (item.state === "failed" && item.upload) made.push(["Retry", () => resume(item)]);
    if (item.state === "done") made.push(["Clear", () => remove(item)]);
    else made.push([item.state === "absent" ? "Forget" : "Cancel", () => void cancel(item)]);
    place.replaceChildren(
      ...made.map(([label, act]) => {
        const button = document.createElement("button");
        button.type = "button";
        button.className = "small ghost";
        button.textContent = label;
        button.setAttribute("aria-label", `${label} ${item.name}`);
        button.addEventListener("click", act);
        return button;
      }),
    );
    item.row.dataset["state"] = item.state;
  }

  const HOW: Record<State, string> = {
    waiting: "waiting",
    sending: "",
    paused: "paused",
    done: "done",
    failed: "not uploaded",
    absent: "choose this file again",
  };

  function paint(): void {
    if (painting) return;
    painting = true;
    requestAnimationFrame(() => {
      painting = false;
      for (const item of items) {
        const percent = item.bytes ? Math.floor((100 * item.sent) / item.bytes) : 0;
        const speed = item.speed.value;
        const bar = item.row.querySelector(".bar") as SVGElement;
        bar.querySelector(".bar-upload")!.setAttribute("width", `${item.state === "done" ? 100 : percent}%`);
        bar.setAttribute("aria-label", `${percent} % of ${item.name}`);
        item.row.querySelector(".how")!.textContent =
          item.state === "sending"
            ? [`${percent} %`, speed ? `${size(speed)}/s` : "", speed ? left((item.bytes - item.sent) / speed) : ""].filter(Boolean).join(" · ")
            : HOW[item.state];
      }
      summary();
    });
  }

  function summary(): void {
    const done = items.filter((item) => item.state === "done").length;
    const failed = items.filter((item) => item.state === "failed").length;
    const going = items.filter((item) => item.state === "sending" || item.state === "waiting");
    const rest = going.reduce((sum, item) => sum + item.bytes - item.sent, 0);
    const speed = going.reduce((sum, item) => sum + (item.state === "sending" ? item.speed.value : 0), 0);
    const parts = [`${done} of ${items.length} files`];
    if (rest) parts.push(`${size(rest)} to go`, speed ? left(rest / speed) : "");
    if (failed) parts.push(`${failed} failed`);
    if (skipped) parts.push(`${skipped} left out that ${skipped === 1 ? "is" : "are"} no audio`);
    words.textContent = parts.filter(Boolean).join(" · ");
    retryFailed.hidden = !items.some((item) => item.state === "failed" && item.upload);
    pauseAll.disabled = !items.some((item) => ["sending", "waiting", "paused"].includes(item.state));
    pauseAll.textContent = going.length || !items.some((item) => item.state === "paused") ? "Pause all" : "Resume all";
  }

  pauseAll.addEventListener("click", () => {
    const going = items.filter((item) => item.state === "sending" || item.state === "waiting");
    if (going.length) for (const item of going) void pause(item);
    else for (const item of items) if (item.state === "paused") resume(item);
  });
  retryFailed.addEventListener("click", () => {
    for (const item of items) if (item.state === "failed" && item.upload) resume(item);
  });
  for (const id of ["pick-files", "pick-folder"]) {
    const input = document.getElementById(id) as HTMLInputElement;
    input.addEventListener("change", () => {
      add(chosenFiles(input));
      input.value = "";
    });
  }
  form.addEventListener("submit", (event) => event.preventDefault());
  let depth = 0;
  const isFiles = (event: DragEvent) => event.dataTransfer?.types.includes("Files") ?? false;
  document.addEventListener("dragenter", (event) => {
    if (!isFiles(event)) return;
    depth++;
    drop.classList.add("over");
  });
  document.addEventListener("dragleave", () => {
    depth = Math.max(0, depth - 1);
    if (!depth) drop.classList.remove("over");
  });
  document.addEventListener("dragover", (event) => isFiles(event) && event.preventDefault());
  document.addEventListener("drop", (event) => {
    if (!isFiles(event) || !event.dataTransfer) return;
    event.preventDefault();
    depth = 0;
    drop.classList.remove("over");
    void droppedFiles(event.dataTransfer).then(add);
  });
  window.addEventListener("beforeunload", (event) => {
    if (items.some((item) => item.state === "sending")) event.preventDefault();
  });

  // What a page that was closed left unfinished: shown, so that its files can be chosen again.
  void defaultOptions.urlStorage?.findAllUploads().then((found) => {
    for (const previous of found) {
      const name = previous.metadata["filename"];
      if (!name || previous.size === null || !previous.urlStorageKey.includes(endpoint)) continue;
      const item = made(name, previous.size, "absent");
      item.previous = previous;
    }
  });
}

const form = document.getElementById("upload");
if (form instanceof HTMLFormElement) start(form);
