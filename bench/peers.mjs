// Who takes part, in the order of the tables. `file` is the peer's file where it isn't its name; `options` are its variant's.
export const peers = [
  { name: 'mikro-orm-uow', quick: true },
  {
    name: 'mikro-orm-uow, last trip joined',
    title: 'with the last trip joined',
    file: 'mikro-orm-uow',
    options: { commitWithLastStatement: true },
    quick: true,
  },
  { name: 'mikro-orm', title: 'MikroORM', quick: true },
  { name: 'mikro-orm-on-this-driver', title: 'MikroORM on this driver' },
  { name: 'typeorm', title: 'TypeORM' },
  { name: 'typeorm-transactional' },
  { name: 'prisma', title: 'Prisma' },
  { name: 'sequelize', title: 'Sequelize' },
  { name: 'drizzle', title: 'Drizzle' },
  { name: 'kysely', title: 'Kysely' },
  { name: 'pg', title: 'pg by hand', quick: true },
  { name: 'postgres-js', title: 'postgres.js by hand' },
];
