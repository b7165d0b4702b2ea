// Custom module for Open Stage Control: makes the surface follow changes by other controllers.
// --custom-module open-stage-control.js --osc-port 9010 --send 127.0.0.1:4001

const [HOST, PORT] = ["127.0.0.1", 4001];
const OWN_PORT = settings.read("osc-port") || settings.read("port") || 8080;
const WATCHED = ["/object/*/*", "/scene/*", "/master/*", "/separation/*"];
let renewing;

function subscribe() {
  for (const pattern of WATCHED) {
    const whole = (value) => ({ type: "i", value });
    send(HOST, PORT, "/subscribe", { type: "s", value: pattern }, whole(20), whole(OWN_PORT));
  }
}

module.exports = {
  init() {
    subscribe();
    // a subscription ends after 30 s; renewing it also covers a restart of the daemon
    renewing = setInterval(subscribe, 10000);
  },
  stop() {
    clearInterval(renewing);
  },
  oscInFilter(data) {
    if (data.address.endsWith("/position")) {
      // the pad shows two of three coordinates: right and front
      const [x, y] = data.args.map((argument) => argument.value);
      data.args = [-y, x].map((value) => ({ type: "f", value }));
    }
    return data;
  },
};
