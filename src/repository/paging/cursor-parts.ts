import type { Place } from './order.js';

type Check = (text: string) => boolean;

const matches =
  (pattern: RegExp): Check =>
  (text) =>
    pattern.test(text);

const wholeUpTo =
  (bits: bigint): Check =>
  (text) =>
    /^-?\d{1,19}$/.test(text) && BigInt.asIntN(Number(bits), BigInt(text)) === BigInt(text);

const eightBytes = wholeUpTo(64n);

const float =
  (round: (value: number) => number): Check =>
  (text) => {
    if (/^(NaN|-?Infinity)$/.test(text)) {
      return true;
    }
    const [, digits = ''] = /^-?(\d{1,40}(?:\.\d{1,40})?)(?:e[+-]?\d{1,3})?$/.exec(text) ?? [];
    const value = round(Number(text));
    // what is too small is out of range, too
    return digits !== '' && Number.isFinite(value) && (value !== 0 || !/[1-9]/.test(digits));
  };

/** Text of any length, which PostgreSQL stores everything in but NUL and half characters. */
const text: Check = (value) => !value.includes('\0') && value.isWellFormed();

const day = /^(\d{4,7})-(\d\d)-(\d\d)/;
const clock = String.raw`(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,6})?`;
const zone = String.raw`[+-](?:0\d|1[0-5])(?::[0-5]\d){0,2}`;

/** A date that there is, up to the last year of the type's; what follows it has to fit the pattern. */
const dateWith = (rest: string, lastYear: number): Check => {
  const pattern = new RegExp(`^${rest}(?<bc> BC)?$`);
  return (value) => {
    if (/^-?infinity$/.test(value)) {
      return true;
    }
    const [date, year, month, dayOfMonth] = day.exec(value) ?? [];
    const end = date === undefined ? undefined : pattern.exec(value.slice(date.length));
    if (!end) {
      return false;
    }
    const isBefore = end.groups?.['bc'] !== undefined;
    const [y, m, d] = [Number(year), Number(month), Number(dayOfMonth)];
    // the calendar repeats itself every 400 years, and the year before 1 is a leap year as 0 would be
    const days = new Date(Date.UTC(2000 + ((isBefore ? 4801 - y : y) % 400), m, 0)).getUTCDate();
    return y >= 1 && y <= (isBefore ? 4712 : lastYear) && m >= 1 && m <= 12 && d >= 1 && d <= days;
  };
};

const number = (value: string | undefined): number => Math.abs(Number(value ?? 0));

const interval: Check = (value) => {
  const [whole, years, months, days, hours] =
    /^(?:(-?\+?\d{1,9}) years?)?(?: ?([-+]?\d{1,2}) mons?)?(?: ?([-+]?\d{1,10}) days?)?(?: ?([-+]?\d{2,10}):[0-5]\d:[0-5]\d(?:\.\d{1,6})?)?$/.exec(
      value,
    ) ?? [];
  return (
    /^-?infinity$/.test(value) ||
    (Boolean(whole) &&
      number(years) * 12 + number(months) < 2 ** 31 &&
      number(days) < 2 ** 31 &&
      number(hours) < 2_562_047_788)
  );
};

/** As `jsonb` prints it: no exponents, no escapes but those of control characters. */
const json: Check = (value) => {
  try {
    JSON.parse(value);
  } catch {
    return false;
  }
  let depth = 0;
  let deepest = 0;
  // it is JSON, so each quote is the start or the end of a string
  const outside = value.replace(/"(?:[^"\\]|\\.)*"/g, '""');
  for (const character of outside) {
    depth += '[{'.includes(character) ? 1 : ']}'.includes(character) ? -1 : 0;
    deepest = Math.max(deepest, depth);
  }
  return deepest <= 1000 && !/\d[eE]|\d{1000}/.test(outside) && !/\\u(?!00[01])|\\u0000/.test(value) && text(value);
};

/** `{1,NULL,"a b"}`: of one dimension, whose items are checked one by one. */
const listOf =
  (item: Check): Check =>
  (value) => {
    if (value === '{}') {
      return true;
    }
    const next = /(?:"((?:[^"\\]|\\.)*)"|([^{}",\\\s]+))([,}])/sy;
    next.lastIndex = 1;
    for (let end = ''; value.startsWith('{') && end !== '}' && next.lastIndex > 0; ) {
      const [, quoted, bare = '', mark] = next.exec(value) ?? [];
      if (mark === undefined || !(bare === 'NULL' || item(quoted?.replace(/\\(.)/gs, '$1') ?? bare))) {
        return false;
      }
      end = mark;
      if (end === '}') {
        return next.lastIndex === value.length;
      }
    }
    return false;
  };

/** How PostgreSQL writes the values of a type. What is not listed, only the server can tell. */
const checks: readonly [RegExp, Check][] = [
  [/^(int2|smallint|smallserial)$/, wholeUpTo(16n)],
  [/^(int4?|integer|serial)$/, wholeUpTo(32n)],
  [/^(int8|bigint|bigserial)$/, eightBytes],
  [/^(numeric|decimal)$/, matches(/^(NaN|-?Infinity|-?\d{1,131072}(\.\d{1,16383})?)$/)],
  [/^(real|float4)$/, float(Math.fround)],
  [/^(double precision|float8?)$/, float(Number)],
  [/^bool(ean)?$/, matches(/^(true|false)$/)],
  [/^(text|varchar|character varying|char|character|bpchar|citext|name)$/, text],
  [/^uuid$/, matches(/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/)],
  [/^date$/, dateWith('', 5_874_897)],
  [/^time( without time zone)?$/, matches(new RegExp(`^(${clock}|24:00:00)$`))],
  [/^time(tz| with time zone)$/, matches(new RegExp(`^(${clock}|24:00:00)${zone}$`))],
  [/^timestamp( without time zone)?$/, dateWith(` ${clock}`, 294_276)],
  [/^timestamp(tz| with time zone)$/, dateWith(` ${clock}${zone}`, 294_275)],
  [/^interval$/, interval],
  [/^jsonb$/, json],
  [/^bytea$/, matches(/^\\x([\da-f]{2})*$/)],
  [/^money$/, (value) => /^-?\$\d{1,3}(,\d{3}){0,5}\.\d\d$/.test(value) && eightBytes(value.replace(/[$,.]/g, ''))],
];

/** What tells whether a text is one that PostgreSQL writes for a column; undefined where only the server can tell. */
export function partCheck({ type, labels }: Pick<Place, 'type' | 'labels'>): Check | undefined {
  const array = type?.endsWith('[]') ?? false;
  const name = (array ? type?.slice(0, -2) : type)?.toLowerCase().replace(/\s*\(.*\)/, '') ?? '';
  const check = labels ? (value: string) => labels.includes(value) : checks.find(([names]) => names.test(name))?.[1];
  return check && array ? listOf(check) : check;
}
