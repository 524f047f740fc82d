// The search box by key from every page; playing what was found; choosing many rows. Pages work without it.

const box = document.getElementById("find");

document.addEventListener("keydown", (event) => {
  if (!box || event.defaultPrevented || event.isComposing) return;
  const at = event.target instanceof HTMLElement ? event.target : document.body;
  const typing = at.isContentEditable || at.matches("input, textarea, select");
  const chord = event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey;
  const slash = event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey;
  if (!chord && !slash) return;
  event.preventDefault();
  box.focus();
  box.select();
});

const sound = new Audio();
let playing = null;

function stopped() {
  playing?.classList.remove("playing");
  playing?.setAttribute("aria-pressed", "false");
  playing = null;
}

sound.addEventListener("ended", stopped);
sound.addEventListener("error", () => {
  if (playing) playing.title = "Its sound is not there";
  stopped();
});

for (const button of document.querySelectorAll("[data-play]")) {
  button.setAttribute("role", "button");
  button.setAttribute("aria-pressed", "false");
  button.addEventListener("keydown", (event) => {
    if (event.key === " ") {
      event.preventDefault();
      button.click();
    }
  });
  button.addEventListener("click", (event) => {
    event.preventDefault();
    const again = playing === button;
    sound.pause();
    stopped();
    if (again) return;
    playing = button;
    button.classList.add("playing");
    button.setAttribute("aria-pressed", "true");
    sound.src = button.href;
    void sound.play().catch(() => stopped());
  });
}

// Choosing many: the box in the head chooses all on the page; the bar says how many are chosen. In a search there
// is another box, for all that it finds.
for (const bar of document.querySelectorAll("form[data-chooses]")) {
  const all = document.getElementById(bar.dataset.chooses);
  const count = bar.querySelector("[data-count]");
  const idle = count?.dataset.count ?? "";
  const noun = count?.dataset.noun ?? "recording";
  const everything = bar.elements.namedItem("found");
  const rows = () => [...document.querySelectorAll(`input[type=checkbox][form="${bar.id}"]`)].filter((row) => row !== everything);
  const tell = () => {
    const chosen = rows().filter((row) => row.checked).length;
    const told = everything?.checked ? "All that is found is chosen" : `${chosen} ${noun}${chosen === 1 ? "" : "s"} chosen`;
    const none = chosen === 0 && !everything?.checked;
    if (count) count.textContent = none ? idle : told;
    bar.classList.toggle("idle", none);
    if (all) {
      all.checked = chosen > 0 && chosen === rows().length;
      all.indeterminate = chosen > 0 && !all.checked;
    }
  };
  all?.addEventListener("change", () => {
    for (const row of rows()) row.checked = all.checked;
    tell();
  });
  document.addEventListener("change", (event) => {
    if (event.target instanceof HTMLInputElement && event.target.getAttribute("form") === bar.id) tell();
  });
  tell();
}
