// Play a segment in a list: one sound at a time, a second press stops it.
(() => {
  "use strict";

  const sound = new Audio();
  let playing = null;

  function rest() {
    playing?.classList.remove("on");
    playing = null;
  }

  for (const end of ["ended", "pause"]) sound.addEventListener(end, rest);
  sound.addEventListener("error", () => {
    if (playing === null) return;
    playing.classList.add("failed");
    playing.title = "This audio cannot be played.";
    rest();
  });

  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("button.play");
    if (!button) return;
    event.preventDefault();
    const stop = button === playing;
    sound.pause();
    rest();
    if (stop) return;
    playing = button;
    button.classList.remove("failed");
    button.classList.add("on");
    sound.src = button.dataset.src;
    sound.play().catch(() => undefined);
  });
})();
