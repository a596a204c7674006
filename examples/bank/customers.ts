/** Someone who has an account. */
export interface Customer {
  readonly number: string;
  readonly owner: string;
}

/** Whose accounts the script opens, where they don't exist yet. */
export const customers: readonly Customer[] = [
  { number: 'BANK-1001', owner: 'Ada Lovelace' },
  { number: 'BANK-1002', owner: 'Grace Hopper' },
  { number: 'BANK-1003', owner: 'Alan Turing' },
  { number: 'BANK-1004', owner: 'Edsger Dijkstra' },
  { number: 'BANK-1005', owner: 'Barbara Liskov' },
  { number: 'BANK-1006', owner: 'Donald Knuth' },
  { number: 'BANK-1007', owner: 'Margaret Hamilton' },
  { number: 'BANK-1008', owner: 'Niklaus Wirth' },
  { number: 'BANK-1009', owner: 'Frances Allen' },
  { number: 'BANK-1010', owner: 'Kristen Nygård' },
];
