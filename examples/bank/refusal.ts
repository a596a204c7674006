/** Why the bank does not book a line. Thrown inside a unit of work, it rolls that back; the next line goes on. */
export class Refusal extends Error {
  override name = 'Refusal';
}
