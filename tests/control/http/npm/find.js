// What a program sees that uses npm's oscquery: every method with what is written beside it, and one value by its path.
const { OSCQueryDiscovery } = require("oscquery");

const [address, port, path] = process.argv.slice(2);
new OSCQueryDiscovery().queryNewService(address, Number(port)).then((service) => {
  const values = [service.resolvePath(path).getValue(0)];
  process.stdout.write(JSON.stringify({ host: service.hostInfo, methods: service.flat(), values }), process.exit);
});
