import { DataSource, EntitySchema } from 'typeorm';

export class Account {}

export const dataSourceFor = ({ url, poolSize }) =>
  new DataSource({
    type: 'postgres',
    url,
    poolSize,
    entities: [
      new EntitySchema({
        name: 'Account',
        target: Account,
        tableName: 'account',
        columns: {
          id: { type: 'int', primary: true, generated: 'increment' },
          owner: { type: 'text' },
          balance: { type: 'int' },
        },
      }),
    ],
  });
