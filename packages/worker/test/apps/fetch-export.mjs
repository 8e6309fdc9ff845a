export const fetch = async () => new Response('hello');
