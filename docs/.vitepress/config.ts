import { defineConfig } from 'vitepress';

const page = (text: string, link: string) => ({ text, link });

export default defineConfig({
  title: 'mikro-orm-uow',
  description: 'Units of work over MikroORM 7 and PostgreSQL',
  cleanUrls: true,
  lastUpdated: false,
  // pages name tests, examples and sources of the repository, which the site doesn't have; others are checked
  ignoreDeadLinks: [/\.\.\/(README|SECURITY|CONTRIBUTING|CHANGELOG|test|examples|bench|src)\b/, /^\.\/\.\.\//],
  srcExclude: ['node_modules'],
  rewrites: { 'ru/README.md': 'ru/index.md' },
  themeConfig: {
    search: { provider: 'local' },
    nav: [
      page('Guide', '/guide/quick-start'),
      page('Operations', '/operations/what-happens-when'),
      page('Reference', '/reference/README'),
      page('По-русски', '/ru/'),
    ],
    sidebar: [
      {
        text: 'Guide',
        items: [
          page('Quick start', '/guide/quick-start'),
          page('Engine and configuration', '/guide/engine'),
          page('Repositories', '/guide/repositories'),
          page('Units of work', '/guide/units-of-work'),
          page('Raw SQL and the query builder', '/guide/raw-sql'),
          page('Nesting', '/guide/nesting'),
          page('Retry', '/guide/retry'),
          page('Exactly once', '/guide/exactly-once'),
          page('Hooks', '/guide/hooks'),
          page('Outbox and jobs', '/guide/jobs'),
          page('Cancellation and timeouts', '/guide/cancellation'),
          page('Row-level security', '/guide/row-level-security'),
          page('Input from requests', '/guide/requests'),
          page('Testing', '/guide/testing'),
          page('TypeDI', '/guide/typedi'),
          page('Synchronous calls', '/guide/synchronous'),
          page('NestJS', '/guide/nestjs'),
          page('Other containers, and none', '/guide/containers'),
          page('Bundlers and transpilers', '/guide/bundling'),
          page('Tracing', '/guide/tracing'),
          page('Replicas', '/guide/replicas'),
          page('Fastify and Express', '/guide/fastify-express'),
          page('The PostgreSQL driver', '/guide/driver'),
        ],
      },
      {
        text: 'Operations',
        items: [
          page('What happens when', '/operations/what-happens-when'),
          page('Errors', '/operations/errors'),
          page('Pool sizes', '/operations/pools'),
          page('Poolers, restarts, failovers', '/operations/poolers'),
          page('Reliability', '/reliability'),
          page('Performance', '/performance'),
          page('Limits', '/limits'),
        ],
      },
      {
        text: 'Coming from',
        items: [
          page('SQLAlchemy', '/coming-from/sqlalchemy'),
          page('typeorm-transactional', '/coming-from/typeorm-transactional'),
          page('nestjs-cls', '/coming-from/nestjs-cls'),
          page('Plain MikroORM', '/coming-from/mikro-orm'),
        ],
      },
      { text: 'Architecture', link: '/architecture' },
      { text: 'Reference', link: '/reference/README' },
    ],
  },
});
