/** Text of a time is short: longer text is none, and is not even looked at. */
const longest = 64;

const date = /^(\d{4,6})-(\d\d)-(\d\d)$/;
const clock = /^(\d\d):(\d\d)(?::(\d\d)(?:\.\d{1,9})?)?\s?(?:Z|[+-]\d\d(?::?\d\d){0,2})?$/i;

/** `2026-11-26`, or PostgreSQL's `infinity`. */
export function isDateText(text: string): boolean {
  if (text === 'infinity' || text === '-infinity') {
    return true;
  }
  const [, year, month, day] = (text.length <= longest && date.exec(text.replace(/ BC$/i, ''))) || [];
  if (year === undefined) {
    return false;
  }
  const time = new Date(Date.UTC(2000 + (Number(year) % 400), Number(month) - 1, Number(day)));
  return Number(year) > 0 && Number(year) <= 275_760 && time.getUTCMonth() === Number(month) - 1 && Number(day) > 0;
}

/** `12:30`, `12:30:15.123456+02`. */
export function isTimeText(text: string): boolean {
  const [, hours, minutes, seconds = '0'] = (text.length <= longest && clock.exec(text)) || [];
  return hours !== undefined && Number(hours) <= 24 && Number(minutes) < 60 && Number(seconds) <= 60;
}

/** A date, and a time of the day if there is one: as JSON, ISO 8601 and PostgreSQL write it. */
export function isTimestampText(text: string): boolean {
  if (text.length > longest) {
    return false;
  }
  const era = / BC$/i.exec(text)?.[0] ?? '';
  const bare = text.slice(0, text.length - era.length);
  const at = bare.search(/[T ]/i);
  return at === -1 ? isDateText(text) : isDateText(bare.slice(0, at)) && isTimeText(bare.slice(at + 1));
}
