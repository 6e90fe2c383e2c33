// A real identity provider (npm's oidc-provider) for one test: whoever the browser says it is, is let in.
//
//   node provider.mjs MODULES REDIRECT_URI      prints its address on the first line
//
// `/interaction/…?as=NAME` is the login page: it believes the name, and consents.
import http from 'node:http';

const [modules, redirect] = process.argv.slice(2);
const { default: Provider } = await import(`${modules}/node_modules/oidc-provider/lib/index.js`);
const groups = { anna: ['staff', 'ops'], boss: ['bosses'], guest: ['guests'] };

const server = http.createServer((request, response) => handle(request, response));
let handle;
server.listen(0, '127.0.0.1', () => {
  const address = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(address, {
    clients: [{ client_id: 'armilla', client_secret: 'provider secret', redirect_uris: [redirect] }],
    claims: { openid: ['sub'], profile: ['preferred_username'], groups: ['groups'] },
    cookies: { keys: ['of this test alone'] },
    features: { devInteractions: { enabled: false } },
    findAccount: (_, id) => ({
      accountId: id,
      claims: async () => ({ sub: `id of ${id}`, preferred_username: id, groups: groups[id] }),
    }),
    interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
    pkce: { required: () => true },
  });
  provider.use(async (context, next) => {
    if (!context.path.startsWith('/interaction/')) return next();
    const { prompt, params, session } = await provider.interactionDetails(context.req, context.res);
    if (prompt.name === 'login') {
      const result = { login: { accountId: context.query.as } };
      return provider.interactionFinished(context.req, context.res, result);
    }
    const grant = new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
    grant.addOIDCScope('openid profile groups');
    const result = { consent: { grantId: await grant.save() } };
    return provider.interactionFinished(context.req, context.res, result, { mergeWithLastSubmission: true });
  });
  handle = provider.callback();
  console.log(address);
});
