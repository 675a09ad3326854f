/** The modules by area, each with how it is. */

import { element, show, state } from "./dom.js";
import { AREAS } from "./labels.js";

const ENOUGH = 20;

export function showModules(place, count, seen) {
  const modules = seen.house.modules;
  const health = new Map((seen.today?.modules ?? []).map((module) => [module.name, module.health]));
  const routes = modules.reduce((sum, module) => sum + module.routes, 0);
  count.textContent = `${modules.length} 个功能，${routes} 个接口，本机一个进程运行；数据中心按功能独立伸缩`;
  const areas = Map.groupBy ? Map.groupBy(modules, (module) => module.area) : group(modules);
  show(place, element("div", { class: "areas" }, [...areas].map(([area, members]) =>
    element("div", { class: "area" },
      element("h3", {}, AREAS[area] ?? area),
      element("ul", {}, members.map((module) => tile(module, health.get(module.name))))))));
}

function tile(module, health) {
  const number = /^\d+$/.test(module.module) ? `模块 ${module.module}` : "平台底座";
  return element("li", { class: "module" },
    element("div", { class: "head" }, element("strong", {}, module.title), element("span", { class: "faint" }, number)),
    condition(module, health),
    element("span", { class: "faint" },
      `${module.routes} 个接口${module.handles ? `，接收 ${module.handles} 类事件` : ""}`));
}

function condition(module, health) {
  if (health && health.state !== "ok") {
    const words = health.dead_letters ? `${health.dead_letters} 条死信待处理` : health.label;
    return state(health.state === "failing" ? "bad" : "warn", words);
  }
  if (module.failures) return state("warn", `启动以来 ${module.failures} 次请求出错，共 ${module.calls} 次`);
  if (!module.calls) return state("good", "就绪，启动以来尚无请求");
  const speed = module.calls < ENOUGH ? "" : `，95% 在 ${module.p95_ms} 毫秒内`;
  return state("good", `正常，${module.calls} 次请求${speed}`);
}

function group(modules) {
  const areas = new Map();
  for (const module of modules) areas.set(module.area, [...(areas.get(module.area) ?? []), module]);
  return areas;
}
