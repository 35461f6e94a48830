#include "launch/cluster/machines_file.h"

#include <fmt/format.h>
#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <cmath>

#include "engine/base/error.h"
#include "launch/cluster/cluster_file.h"
#include "launch/output/proto_json.h"
#include "proto/cluster.pb.h"

namespace gemring {
namespace {

using enum DataType;
constexpr DataType kTypes[] = {f32, bf16, f16, q8_0, q4_0, q4_1, q5_0, q5_1, q4_k, q5_k, q6_k};
constexpr ComputeType kTypesOfProducts[] = {ComputeType::f32, ComputeType::bf16, ComputeType::int8};

class Reader {
 public:
  explicit Reader(const std::string& file) : file_(file) {}

  MachineSpec machine(const proto::Machine& from) const {
    const std::string place = fmt::format("machine '{}'", from.name());
    MachineSpec machine;
    machine.name = from.name();
    machine.cpu = from.cpu();
    machine.threads = static_cast<std::int32_t>(number(from.threads(), 1, place, "threads"));
    machine.compute = {type_named(kTypesOfProducts, from.products_many(), place),
                       type_named(kTypesOfProducts, from.products_many_blocks(), place),
                       type_named(kTypesOfProducts, from.products_few(), place)};
    for (const proto::ThreadRates& rates : from.rates()) {
      machine.rates.push_back(thread_rates(rates, place));
      const std::size_t count = machine.rates.size();
      if (count > 1 && machine.rates[count - 2].busy_threads >= machine.rates[count - 1].busy_threads) {
        fail(place, "rates are not in the order of busy_threads", "sort them, each number of threads once");
      }
    }
    if (machine.rates.empty()) fail(place, "has no rates", "measure them with gemring plan --probe");
    return machine;
  }

  HostSpec host(const proto::Host& from) const {
    const std::string place = fmt::format("host '{}'", from.name());
    HostSpec host;
    host.name = from.name();
    host.machine = from.machine();
    for (const std::int32_t rank : from.ranks()) host.ranks.emplace_back(rank);
    host.cores = static_cast<std::int32_t>(number(from.cores(), 0, place, "cores"));
    host.memory_bytes = number(from.memory_bytes(), 0, place, "memory_bytes");
    host.speeds.assign(from.speeds().begin(), from.speeds().end());
    host.link = link(from.link(), place);
    host.inside = link(from.inside(), place);
    return host;
  }

  double number(double value, double least, const std::string& place, const char* field) const {
    if (!(value >= least) || std::isinf(value)) {
      fail(place, fmt::format("{} is {}", field, value), fmt::format("give {} or more", least));
    }
    return value;
  }

 private:
  [[noreturn]] void fail(const std::string& place, const std::string& problem, const std::string& advice) const {
    throw ConfigError({fmt::format("{}: {}", file_, place), problem, advice});
  }

  template <class Type, std::size_t N>
  Type type_named(const Type (&types)[N], const std::string& wanted, const std::string& place) const {
    std::string names;
    for (const Type type : types) {
      if (name(type) == wanted) return type;
      names += fmt::format("{}{}", names.empty() ? "" : ", ", name(type));
    }
    fail(place, fmt::format("'{}' is no type", wanted), fmt::format("use one of {}", names));
  }

  LinkSpeed link(const proto::Link& from, const std::string& place) const {
    return {number(from.gbs(), 0, place, "gbs") * 1e9, number(from.latency_us(), 0, place, "latency_us") * 1e-6};
  }

  ThreadRates thread_rates(const proto::ThreadRates& from, const std::string& place) const {
    ThreadRates rates;
    rates.busy_threads = static_cast<std::int32_t>(number(from.busy_threads(), 1, place, "busy_threads"));
    rates.f32_gflops = number(from.f32_gflops(), 0, place, "f32_gflops");
    rates.bf16_gflops = number(from.bf16_gflops(), 0, place, "bf16_gflops");
    rates.int8_gops = number(from.int8_gops(), 0, place, "int8_gops");
    rates.memory_gbs = number(from.memory_gbs(), 0, place, "memory_gbs");
    rates.new_memory_gbs = number(from.new_memory_gbs(), 0, place, "new_memory_gbs");
    for (const proto::LayerRate& layer : from.layers()) {
      rates.layers.push_back({type_named(kTypes, layer.weights(), place),
                              type_named(kTypesOfProducts, layer.compute(), place),
                              static_cast<std::int32_t>(number(layer.tokens(), 1, place, "tokens")),
                              number(layer.gflops(), 1e-6, place, "gflops")});
    }
    std::stable_sort(rates.layers.begin(), rates.layers.end(),
                     [](const LayerRate& a, const LayerRate& b) { return a.tokens < b.tokens; });
    for (const proto::AttentionRate& each : from.attention()) {
      rates.attention.push_back({static_cast<std::int32_t>(number(each.head_dim(), 1, place, "head_dim")),
                                 static_cast<std::int32_t>(number(each.queries(), 1, place, "queries")),
                                 number(each.keys(), 1, place, "keys"), number(each.gflops(), 1e-6, place, "gflops")});
    }
    return rates;
  }

  const std::string& file_;
};

/// Four digits: what a measurement of a second is worth, and a file that can be read.
double rounded(double value) {
  if (value == 0) return 0;
  const double scale = std::pow(10, 3 - std::floor(std::log10(std::abs(value))));
  return std::round(value * scale) / scale;
}

void write(const LinkSpeed& link, proto::Link& to) {
  to.set_gbs(rounded(link.bytes_per_second * 1e-9));
  to.set_latency_us(rounded(link.latency_seconds * 1e6));
}

void write(const ThreadRates& rates, proto::ThreadRates& to) {
  to.set_busy_threads(rates.busy_threads);
  to.set_f32_gflops(rounded(rates.f32_gflops));
  to.set_bf16_gflops(rounded(rates.bf16_gflops));
  to.set_int8_gops(rounded(rates.int8_gops));
  to.set_memory_gbs(rounded(rates.memory_gbs));
  to.set_new_memory_gbs(rounded(rates.new_memory_gbs));
  for (const LayerRate& rate : rates.layers) {
    proto::LayerRate& layer = *to.add_layers();
    layer.set_weights(std::string(name(rate.weights)));
    layer.set_compute(std::string(name(rate.compute)));
    layer.set_tokens(rate.tokens);
    layer.set_gflops(rounded(rate.gflops));
  }
  for (const AttentionRate& rate : rates.attention) {
    proto::AttentionRate& attention = *to.add_attention();
    attention.set_head_dim(rate.head_dim);
    attention.set_queries(rate.queries);
    attention.set_keys(rate.keys);
    attention.set_gflops(rounded(rate.gflops));
  }
}

void write(const MachinesSpec& spec, proto::Machines& to) {
  to.set_measured(spec.measured);
  to.set_ranks_per_host(spec.ranks_per_host);
  for (const MachineSpec& from : spec.machines) {
    proto::Machine& machine = *to.add_machines();
    machine.set_name(from.name);
    machine.set_cpu(from.cpu);
    machine.set_products_many(std::string(name(from.compute.many)));
    machine.set_products_many_blocks(std::string(name(from.compute.many_blocks)));
    machine.set_products_few(std::string(name(from.compute.few)));
    machine.set_threads(from.threads);
    for (const ThreadRates& rates : from.rates) write(rates, *machine.add_rates());
  }
  for (const HostSpec& from : spec.hosts) {
    proto::Host& host = *to.add_hosts();
    host.set_name(from.name);
    host.set_machine(from.machine);
    for (const RankId rank : from.ranks) host.add_ranks(rank.value());
    host.set_cores(from.cores);
    host.set_memory_bytes(from.memory_bytes);
    for (const double speed : from.speeds) host.add_speeds(speed);
    write(from.link, *host.mutable_link());
    write(from.inside, *host.mutable_inside());
  }
}

}  // namespace

MachinesSpec machines_from_file(const proto::Machines& machines, const std::string& file) {
  const Reader reader(file);
  MachinesSpec spec;
  spec.measured = machines.measured();
  spec.ranks_per_host =
      std::max(1, static_cast<int>(reader.number(machines.ranks_per_host(), 0, "machines", "ranks_per_host")));
  for (const proto::Machine& machine : machines.machines()) spec.machines.push_back(reader.machine(machine));
  for (const proto::Host& host : machines.hosts()) spec.hosts.push_back(reader.host(host));
  return spec;
}

std::string cluster_file_with(const MachinesSpec& machines, const std::string& groups, const std::string& name) {
  parse_cluster(groups, name);
  proto::Cluster cluster;
  const auto status = google::protobuf::util::JsonStringToMessage(groups, &cluster);
  if (!status.ok()) throw ConfigError({name, std::string(status.message()), ""});
  cluster.clear_machines();
  if (cluster.purpose().empty()) {
    cluster.set_purpose(
        "What these machines were measured to do: for --cluster of every command, and for plans in seconds.");
  }
  write(machines, *cluster.mutable_machines());
  return json_document(cluster) + "\n";
}

}  // namespace gemring
