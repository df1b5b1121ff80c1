// Writes numbers, times and names as people read them.

const LANGUAGE = "en";
const whole = new Intl.NumberFormat(LANGUAGE, { maximumFractionDigits: 0 });
const cents = new Intl.NumberFormat(LANGUAGE, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const compact = new Intl.NumberFormat(LANGUAGE, { notation: "compact", maximumSignificantDigits: 3 });
const UNITS = ["B", "KB", "MB", "GB", "TB"];
const INVISIBLE = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;

export const count = (value) => whole.format(value);
export const short = (value) => compact.format(value);

export function money(value) {
  return value === null || value === undefined ? "" : cents.format(Number(value));
}

// A run costs far less than a cent: two figures that say something, at least two decimals.
export function amount(text) {
  const value = Number(text);
  if (value === 0) return "0.00";
  const decimals = Math.min(9, Math.max(2, 1 - Math.floor(Math.log10(Math.abs(value)))));
  return value.toLocaleString(LANGUAGE, { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}

export function bytes(value) {
  let [amount, unit] = [value, 0];
  while (amount >= 1000 && unit < UNITS.length - 1) [amount, unit] = [amount / 1000, unit + 1];
  return `${unit ? amount.toFixed(1) : amount} ${UNITS[unit]}`;
}

// Names were chosen by strangers: what is invisible in them, or turns text around, is shown as what it is.
export function shown(text) {
  return String(text).replace(INVISIBLE, (found) => `\\u${found.codePointAt(0).toString(16).padStart(4, "0")}`);
}

export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "";
  if (seconds < 0.0995) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`;
  const rounded = Math.round(seconds);
  if (rounded < 3600) return `${Math.floor(rounded / 60)} min ${pad(rounded % 60)} s`;
  if (rounded < 86_400) return `${Math.floor(rounded / 3600)} h ${pad(Math.floor((rounded % 3600) / 60))} min`;
  return `${Math.floor(rounded / 86_400)} d ${Math.floor((rounded % 86_400) / 3600)} h`;
}

export function ago(iso, now = Date.now()) {
  const seconds = Math.round((now - Date.parse(iso)) / 1000);
  if (seconds < 2) return "now";
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86_400)} d ago`;
}

export function ahead(iso, now = Date.now()) {
  const seconds = (Date.parse(iso) - now) / 1000;
  return seconds <= 0 ? "due now" : `in ${duration(Math.max(1, seconds)).replace(/\.\d s$/, " s")}`;
}

export const utc = (iso) => `${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC`;
export const clock = (iso) => iso.slice(11, 23);
export const plural = (number, one, many = `${one}s`) => `${count(number)} ${number === 1 ? one : many}`;

function pad(value) {
  return String(value).padStart(2, "0");
}
