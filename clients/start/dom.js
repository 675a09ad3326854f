/** Building elements: text is always text, never markup. */

export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

/** Replace what a place shows, keeping the keyboard focus on the control that had it. */
export function show(place, ...children) {
  const focused = place.contains(document.activeElement) ? document.activeElement.dataset.keep : undefined;
  const scrolled = place.querySelector(".scroll")?.scrollTop ?? 0;
  place.replaceChildren(...children.flat().filter(Boolean));
  const scroll = place.querySelector(".scroll");
  if (scroll) scroll.scrollTop = scrolled;
  if (focused) place.querySelector(`[data-keep="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
}

export const byId = (id) => document.getElementById(id);

export const state = (kind, words) => element("span", { class: `state ${kind}` }, words);

export function clock(moment) {
  return moment ? new Date(moment).toLocaleTimeString("zh-CN", { hour12: false, timeZone: "Asia/Shanghai" }) : "";
}

export function day(moment) {
  return new Date(moment).toLocaleDateString("zh-CN", {
    year: "numeric", month: "long", day: "numeric", weekday: "long", timeZone: "Asia/Shanghai",
  });
}
