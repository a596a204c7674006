import type { Figures } from './figures.js';
import type { RoundResult } from './round.js';

/** The figures of a run, as they are printed. */
export function report(figures: Figures, faults: Figures, stored: number, milliseconds: number): string {
  const of = (name: string): number => figures[name] ?? 0;
  const begun = sumOf(figures, 'kind: ');
  const seconds = Math.round(milliseconds / 1_000);
  return [
    `units      ${number(of('units'))} in ${seconds} s, of ${number(begun)} transfers: ${number(of('told: committed'))} told committed, ${number(of('told: rolled-back'))} rolled back, ${number(of('told: unknown'))} unknown; ${number(stored)} stored`,
    ...section('by kind', figures, 'kind: '),
    `faults     ${number(sumOf(faults, ''))} in ${seconds} s`,
    ...section('by kind', faults, ''),
    `conflicts  ${number(of('retries'))} retries after a conflict or a COMMIT that was lost and known not to be stored, of ${number(of('first attempts with retry'))} units with retry; ${number(of('gave up after all attempts'))} gave up; ${number(of('conflicts that reached the caller'))} conflicts reached the caller`,
    ...section('errors', figures, 'error: '),
  ].join('\n');
}

/** Explains each violation by what the logs say of it. */
export function explain({ violations, logs }: RoundResult, most = 20): string {
  const lines = [...logs.values()].flat();
  const explained = violations.slice(0, most).map(({ id, what }) => {
    const related = lines.filter((line) => line.id === id).map((line) => `    ${JSON.stringify(line)}`);
    return [`- ${id}: ${what}`, ...related].join('\n');
  });
  const more = violations.length - explained.length;
  return [...explained, ...(more > 0 ? [`... and ${more} more`] : [])].join('\n');
}

function section(title: string, figures: Figures, prefix: string): string[] {
  const entries = Object.entries(figures)
    .filter(([name]) => name.startsWith(prefix))
    .sort(([, one], [, other]) => other - one);
  return entries.length === 0
    ? []
    : [
        `  ${title}:`,
        ...entries.map(([name, value]) => `    ${number(value).padStart(9)}  ${name.slice(prefix.length)}`),
      ];
}

const sumOf = (figures: Figures, prefix: string): number =>
  Object.entries(figures).reduce((sum, [name, value]) => sum + (name.startsWith(prefix) ? value : 0), 0);

const number = (value: number): string => value.toLocaleString('en-US');
