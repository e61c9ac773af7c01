// Requests to the viewer itself.

/** Fetch a part of a page as HTML that the server has escaped. */
export async function part(path, values) {
  const answer = await fetch(`${path}?${new URLSearchParams(values)}`, { headers: { accept: "text/html" } });
  const text = await answer.text();
  if (!answer.ok) throw new Error(text.trim() || `the viewer answers ${answer.status}`);
  return text;
}

/** Send a request that changes something; returns the JSON response. */
export async function act(path, values, { method = "POST", body = {} } = {}) {
  const answer = await fetch(`${path}?${new URLSearchParams(values)}`, {
    method,
    headers: { "content-type": "application/json", "x-longcap": "1" },
    body: JSON.stringify(body),
  });
  const said = await answer.json().catch(() => ({ error: `the viewer answers ${answer.status}` }));
  if (!answer.ok) throw new Error(said.error || `the viewer answers ${answer.status}`);
  return said;
}

/** Seconds as m:ss.mmm, or h:mm:ss.mmm past an hour. */
export function clock(seconds) {
  const whole = Math.max(0, seconds);
  const h = Math.floor(whole / 3600);
  const m = Math.floor(whole / 60) % 60;
  const s = (Math.floor((whole % 60) * 1000) / 1000).toFixed(3).padStart(6, "0");
  return h ? `${h}:${String(m).padStart(2, "0")}:${s}` : `${m}:${s}`;
}
