// Times in words, and pages that stay as the farm is: fragments come by server-sent events.
"use strict";
(() => {
  const steps = [[86400, "day"], [3600, "hour"], [60, "minute"], [1, "second"]];
  const words = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
  const tell = () => {
    for (const place of document.querySelectorAll("time")) {
      const moment = new Date(place.dateTime);
      const seconds = (moment - Date.now()) / 1000;
      if (!Number.isFinite(seconds) || Math.abs(seconds) > 2 * 86400) continue;
      const [size, unit] = steps.find(([size]) => Math.abs(seconds) >= size) || steps[3];
      place.title = moment.toLocaleString();
      place.textContent = words.format(Math.round(seconds / size), unit);
    }
  };
  tell();
  setInterval(tell, 30000);

  const open = () => {
    const target = location.hash && document.getElementById(location.hash.slice(1));
    if (target && target.matches("details")) { target.open = true; target.scrollIntoView(); }
  };
  addEventListener("hashchange", open);
  open();

  const address = document.body.dataset.live;
  if (!address) return;
  const status = document.getElementById("live");
  const source = new EventSource(address);
  const shown = new Map();
  for (const part of ["devices", "runs"]) {
    source.addEventListener(part, (event) => {
      const place = document.getElementById(`live-${part}`);
      if (shown.get(part) === event.data) return;
      shown.set(part, event.data);
      // who has tabbed to a link is not to lose it
      const kept = place.contains(document.activeElement) && document.activeElement.getAttribute("href");
      place.innerHTML = event.data;
      if (kept) [...place.querySelectorAll("a")].find((a) => a.getAttribute("href") === kept)?.focus();
      tell();
    });
  }
  source.addEventListener("failed", (event) => { status.textContent = event.data; });
  source.onopen = () => { status.textContent = "Live"; };
  source.onerror = () => { status.textContent = "Not connected to the server: what is shown may be old. Trying again."; };
})();
