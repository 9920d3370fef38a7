// Tells the panel in which time zone its reader is; a page that was written in another one is fetched anew.

const { base, zone: written } = document.body.dataset;
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;

if (zone && zone !== written) {
  const secure = location.protocol === "https:" ? "; secure" : "";
  document.cookie = `tz=${zone}; path=${base || "/"}; max-age=31536000; samesite=lax${secure}`;
  const kept = document.cookie.split("; ").includes(`tz=${zone}`);
  if (kept && !(zone === "UTC" && !written) && !document.querySelector('input[type="password"]')) location.reload();
}
