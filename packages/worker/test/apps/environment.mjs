export default (_request, response) => response.end(String(process.env.LAMEDUCK_WORKER));
