/**
 * Signing on as a member of staff: authorization code with PKCE against the identity server.
 *
 * Tokens live in this module's memory and nowhere else. The session storage holds the one-time secret of a sign-on on
 * its way and the wish to be signed on again after a reload, never a token.
 */

const ON_ITS_WAY = "his.sign-on";
const SIGNED_ON = "his.signed-on";
const CAMPUS = "his.campus";
const RENEW_BEFORE = 30;

/** Where another password is set. */
export const PASSWORD_PAGE = "/api/platform/sso/password";

let server = null;
let tokens = null;
let renewal = null;

/** Read the identity server's address and finish a sign-on that is on its way. Gives a message when one was refused. */
export async function begin(identity) {
  const base = `${identity.url}/realms/${identity.realm}/protocol/openid-connect`;
  server = { client: identity.client, auth: `${base}/auth`, token: `${base}/token`, end: `${base}/logout` };
  const asked = new URLSearchParams(location.search);
  const pending = take(ON_ITS_WAY);
  if (asked.has("state")) {
    history.replaceState(null, "", location.pathname + location.hash);
    return finish(asked, pending ? JSON.parse(pending) : null);
  }
  if (asked.has("sign-on-as")) {
    history.replaceState(null, "", location.pathname + location.hash);
    return signOn(asked.get("sign-on-as"));
  }
  if (sessionStorage.getItem(SIGNED_ON)) return signOn("", { silent: true });
  return "";
}

/** Go to the login page. The promise never settles: the browser leaves. */
export async function signOn(username = "", { silent = false } = {}) {
  const secret = random(48);
  const nonce = random(16);
  sessionStorage.setItem(ON_ITS_WAY, JSON.stringify({ secret, nonce, username, silent }));
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(secret));
  const question = new URLSearchParams({
    client_id: server.client, redirect_uri: here(), response_type: "code", scope: "openid", state: nonce,
    code_challenge: base64(new Uint8Array(digest)), code_challenge_method: "S256", ui_locales: "zh-CN",
  });
  if (silent) question.set("prompt", "none");
  if (username) question.set("login_hint", username);
  location.assign(`${server.auth}?${question}`);
  return new Promise(() => {});
}

/** Sign on as somebody; whoever is signed on is signed off first. */
export function signOnAs(username) {
  return tokens ? signOff(username) : signOn(username);
}

/** End the session here and at the identity server; then, if somebody is named, sign on as that person. */
export async function signOff(next = "") {
  const question = new URLSearchParams({
    client_id: server.client,
    post_logout_redirect_uri: here() + (next ? `?${new URLSearchParams({ "sign-on-as": next })}` : ""),
  });
  if (tokens?.id) question.set("id_token_hint", tokens.id);
  sessionStorage.removeItem(SIGNED_ON);
  tokens = null;
  location.assign(`${server.end}?${question}`);
  return new Promise(() => {});
}

/** Who is signed on: name, username, campuses with their post codes, why another password is due. Null for nobody. */
export function person() {
  if (!tokens) return null;
  return personOf(tokens.access);
}

/** Whom an access token stands for. */
export function personOf(token) {
  const claims = payload(token);
  const posts = {};
  for (const path of claims.posts ?? []) {
    const [, campus, post] = path.split("/");
    if (post) (posts[campus] ??= []).push(post);
  }
  const campuses = Object.keys(posts).sort();
  return { name: claims.name, username: claims.preferred_username, posts, campuses, passwordDue: claims.password_due ?? "" };
}

/** The acting campus: the one chosen last, if the person has a post there. */
export function campus() {
  const own = person()?.campuses ?? [];
  const chosen = sessionStorage.getItem(CAMPUS);
  return own.includes(chosen) ? chosen : own[0] ?? "";
}

export function actAt(code) {
  sessionStorage.setItem(CAMPUS, code);
}

/** An access token that is still good for a while; null when nobody is signed on any more. */
export async function accessToken() {
  if (tokens && tokens.expires - Date.now() / 1000 < RENEW_BEFORE) {
    renewal ??= renew().finally(() => { renewal = null; });
    await renewal;
  }
  return tokens?.access ?? null;
}

/** Call a function as the signed-on person at the acting campus. Gives { ok, status, body }. */
export async function call(method, path, body) {
  const token = await accessToken();
  const headers = { authorization: `Bearer ${token}`, "x-campus": campus() };
  if (method !== "GET") headers["idempotency-key"] = crypto.randomUUID();
  if (body !== undefined) headers["content-type"] = "application/json";
  const answer = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  const text = await answer.text();
  return { ok: answer.ok, status: answer.status, body: text ? JSON.parse(text) : null };
}

async function finish(asked, pending) {
  if (!pending || pending.nonce !== asked.get("state")) return "登录已过期，请重新登录。";
  if (asked.has("error")) {
    sessionStorage.removeItem(SIGNED_ON);
    return pending.silent ? "" : `未能登录：${asked.get("error_description") ?? asked.get("error")}`;
  }
  const got = await exchange({
    grant_type: "authorization_code", code: asked.get("code"), redirect_uri: here(), code_verifier: pending.secret,
  });
  if (!got) return "登录服务没有接受本次登录，请重试。";
  // The identity server remembers the last person of this browser; somebody else was asked for.
  if (pending.username && person().username !== pending.username) return signOff(pending.username);
  sessionStorage.setItem(SIGNED_ON, "yes");
  if (!pending.silent && /^(initial|aged)/.test(person().passwordDue)) {
    location.assign(PASSWORD_PAGE);  // nothing else is open to this sign-on
    return new Promise(() => {});
  }
  return "";
}

async function renew() {
  if (!(await exchange({ grant_type: "refresh_token", refresh_token: tokens.refresh }))) {
    tokens = null;
    sessionStorage.removeItem(SIGNED_ON);
  }
}

async function exchange(form) {
  const answer = await fetch(server.token, {
    method: "POST", body: new URLSearchParams({ client_id: server.client, ...form }),
  });
  if (!answer.ok) return false;
  const got = await answer.json();
  tokens = {
    access: got.access_token, refresh: got.refresh_token, id: got.id_token, expires: Date.now() / 1000 + got.expires_in,
  };
  return true;
}

function payload(token) {
  const bytes = Uint8Array.from(atob(token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  return JSON.parse(new TextDecoder().decode(bytes));
}

function take(key) {
  const value = sessionStorage.getItem(key);
  sessionStorage.removeItem(key);
  return value;
}

const here = () => location.origin + location.pathname;
const random = (bytes) => base64(crypto.getRandomValues(new Uint8Array(bytes)));
const base64 = (bytes) =>
  btoa(String.fromCharCode(...bytes)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
