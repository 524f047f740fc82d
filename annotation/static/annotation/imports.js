// Live numbers and drag and drop of the import wizard. Without it the forms and links do the same.
(function () {
  "use strict";

  // Files dropped anywhere on a form go into its file input; what is chosen is said.
  function name(form) {
    var input = form.querySelector("input[type=file]");
    var words = form.querySelector("[data-chosen]");
    var count = input.files.length;
    if (!words) return;
    words.hidden = count < 2;
    var bytes = Array.prototype.reduce.call(input.files, function (sum, file) { return sum + file.size; }, 0);
    words.textContent = count + " files, " + (bytes / 1e6).toFixed(1) + " MB";
  }
  function dropOn(form) {
    var input = form.querySelector("input[type=file]");
    var mark = form.querySelector(".drop") || form;
    ["dragenter", "dragover"].forEach(function (kind) {
      form.addEventListener(kind, function (event) {
        if (!event.dataTransfer || event.dataTransfer.types.indexOf("Files") < 0) return;
        event.preventDefault();
        mark.classList.add("over");
      });
    });
    form.addEventListener("dragleave", function (event) {
      if (!form.contains(event.relatedTarget)) mark.classList.remove("over");
    });
    form.addEventListener("drop", function (event) {
      if (!event.dataTransfer || !event.dataTransfer.files.length) return;
      event.preventDefault();
      mark.classList.remove("over");
      var all = new DataTransfer();
      [input.files, event.dataTransfer.files].forEach(function (files) {
        Array.prototype.forEach.call(files, function (file) { all.items.add(file); });
      });
      input.files = all.files;
      name(form);
    });
    input.addEventListener("change", function () { name(form); });
  }
  function prepare(root) {
    root.querySelectorAll("form[data-drop]").forEach(dropOn);
  }
  prepare(document);

  // While a worker is at it, the body of the page is asked for once a second, and whole again at the end.
  var body = document.getElementById("import-body");
  if (!body) return;
  var wait = 1000;
  function look() {
    if (!body.hasAttribute("data-working")) return;
    if (document.hidden) { setTimeout(look, wait); return; }
    fetch(body.dataset.live + location.search, { headers: { "X-Earmark-Fragment": "1" }, credentials: "same-origin" })
      .then(function (answer) {
        if (!answer.ok) throw new Error(String(answer.status));
        return answer.text();
      })
      .then(function (text) {
        var made = document.createElement("div");
        made.innerHTML = text;
        var still = made.querySelector("[data-working]");
        if (!still) { body.removeAttribute("data-working"); }
        body.replaceChildren.apply(body, Array.prototype.slice.call(made.childNodes));
        prepare(body);
        wait = 1000;
      })
      .catch(function () { wait = Math.min(15000, wait * 2); })
      .then(function () { setTimeout(look, wait); });
  }
  setTimeout(look, wait);
})();
