/* Optional: everything can be read and sent without it. */
(function () {
  "use strict";
  var root = document.documentElement;
  document.querySelectorAll("[name=theme]").forEach(function (radio) {
    radio.addEventListener("change", function () {
      document.cookie = "dojo_theme=" + radio.value + "; path=/; max-age=31536000; samesite=lax";
      if (radio.value === "auto") delete root.dataset.theme; else root.dataset.theme = radio.value;
    });
  });

  function local(within) {
    within.querySelectorAll("time[datetime]").forEach(function (time) {
      var moment = new Date(time.dateTime);
      if (isNaN(moment)) return;
      time.title = time.textContent;
      var part = function (number) { return String(number).padStart(2, "0"); };
      time.textContent = moment.getFullYear() + "-" + part(moment.getMonth() + 1) + "-" + part(moment.getDate()) +
        " " + part(moment.getHours()) + ":" + part(moment.getMinutes());
    });
  }

  function fill(target, html) {
    var made = new DOMParser().parseFromString(html, "text/html");
    local(made.body);
    target.replaceChildren.apply(target, Array.from(made.body.childNodes));
  }

  var copied = root.lang === "zh-CN" ? ["复制", "已复制"] : ["copy", "copied"];
  if (navigator.clipboard) document.querySelectorAll("pre.next").forEach(function (pre) {
    var button = document.createElement("button"), words = pre.textContent;
    button.type = "button"; button.className = "copy"; button.textContent = copied[0];
    button.addEventListener("click", function () {
      navigator.clipboard.writeText(words).then(function () { button.textContent = copied[1]; });
    });
    var frame = document.createElement("div");
    frame.className = "copyable";
    pre.replaceWith(frame);
    frame.append(pre, button);
  });

  document.querySelectorAll("input[data-most]").forEach(function (input) {
    input.addEventListener("change", function () {
      var file = input.files[0];
      input.setCustomValidity(file && file.size > Number(input.dataset.most) ? input.dataset.large : "");
      input.reportValidity();
    });
  });

  var board = document.getElementById("board"), live = document.getElementById("live");
  function own() {
    if (board.dataset.own) board.querySelectorAll("tr[data-team]").forEach(function (row) {
      if (row.dataset.team === board.dataset.own) {
        row.classList.add("own");
        row.setAttribute("aria-current", "true");
      }
    });
  }
  function follow() {
    var at = board.dataset, busy = false, wanted = at.version;
    var stream = new EventSource("/api/v1/events/" + at.event + "/stream");
    function load() {
      var pause = 5000;
      if (busy || wanted === at.version) return;
      busy = true;
      fetch("/" + at.event + "/board?fragment=1&part=" + at.part + "&page=" + at.page + "&cost=" + at.cost).then(function (answer) {
        if (!answer.ok) throw new Error(answer.status);
        return answer.text().then(function (html) {
          fill(board, html); own(); live.textContent = live.dataset.new;
          at.version = answer.headers.get("x-version"); pause = 1000;
        });
      }).catch(function () { live.textContent = live.dataset.lost; }).finally(function () {
        busy = false;
        setTimeout(load, pause);
      });
    }
    stream.addEventListener("version", function (event) { wanted = event.data; load(); });
    stream.onerror = function () { live.textContent = live.dataset.lost; };
    stream.onopen = function () { live.textContent = ""; };
  }
  if (board) { own(); follow(); }

  var state = document.getElementById("state");
  function wait(pause) {
    setTimeout(function () {
      fetch("/submissions/" + state.dataset.waits + "?fragment=1").then(function (answer) {
        if (!answer.ok) throw new Error(answer.status);
        return answer.text().then(function (html) {
          fill(state, html);
          if (answer.headers.get("x-state") === "queued") wait(Math.min(5000, pause * 1.3));
        });
      }).catch(function () { wait(5000); });
    }, pause);
  }
  if (state && state.dataset.waits) wait(500);

  local(document.body);
})();
