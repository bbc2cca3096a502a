// For compilers without libFuzzer: runs a target on seeds and on random changes of them. It takes
// the few of libFuzzer's options that we use, and like it leaves the input that ends it in a file.
//   TARGET [-runs=N] [-max_total_time=SECONDS] [-timeout=SECONDS] [-seed=N]
//          [-artifact_prefix=PATH] FILES_AND_FOLDERS...

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <limits>
#include <random>
#include <string>
#include <string_view>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
// Of the sanitizers, where there are any.
extern "C" __attribute__((weak)) void __sanitizer_set_death_callback(void (*callback)());

namespace {

using Bytes = std::vector<uint8_t>;

struct Settings {
  uint64_t runs = std::numeric_limits<uint64_t>::max();
  uint64_t max_total_time = 60, timeout = 60, seed = 1;
  std::string artifact_prefix;
  std::vector<Bytes> seeds;
};

// What the target is being run on, for when it ends the process.
struct Running {
  const Bytes* input = nullptr;
  std::string path;
} running;

void save_input() {
  if (running.input == nullptr) return;
  std::ofstream file(running.path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(running.input->data()),
             static_cast<std::streamsize>(running.input->size()));
  std::cerr << "the input is in " << running.path << '\n';
  running.input = nullptr;
}

void end_of_time(int) {
  std::cerr << "the target takes too long\n";
  save_input();
  std::_Exit(1);
}

void run(const Bytes& bytes, const Settings& settings) {
  running.input = &bytes;
  ::alarm(static_cast<unsigned>(settings.timeout));
  // A copy of just this size, so that any step behind it is seen.
  const Bytes exact(bytes.begin(), bytes.end());
  LLVMFuzzerTestOneInput(exact.data(), exact.size());
  running.input = nullptr;
}

void mutate(Bytes& bytes, const std::vector<Bytes>& seeds, std::mt19937_64& random) {
  const auto below = [&](size_t limit) { return static_cast<size_t>(random() % limit); };
  // Half of the changes hit the first bytes, where headers are.
  const auto place = [&] {
    return below(below(2) == 0 ? std::min<size_t>(bytes.size(), 128) : bytes.size());
  };
  for (size_t changes = 1 + below(8); changes > 0 && !bytes.empty(); --changes) {
    const size_t at = place();
    switch (below(8)) {
      case 0:
        bytes[at] ^= static_cast<uint8_t>(1U << below(8));
        break;
      case 1:
        bytes[at] = static_cast<uint8_t>(random());
        break;
      case 2:
        bytes[at] = static_cast<uint8_t>(bytes[at] + (below(2) == 0 ? 1 : 255));
        break;
      case 3:  // a field of all ones or zeros
        std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(at),
                    std::min<size_t>(size_t{1} << below(4), bytes.size() - at),
                    below(2) == 0 ? uint8_t{0xff} : uint8_t{0});
        break;
      case 4: {  // a piece of another seed
        const Bytes& other = seeds[below(seeds.size())];
        if (other.empty()) break;
        const size_t from = below(other.size());
        const size_t size = std::min({1 + below(32), other.size() - from, bytes.size() - at});
        std::copy_n(other.begin() + static_cast<std::ptrdiff_t>(from), size,
                    bytes.begin() + static_cast<std::ptrdiff_t>(at));
        break;
      }
      case 5:  // bytes too many
        bytes.insert(bytes.begin() + static_cast<std::ptrdiff_t>(at), 1 + below(8),
                     static_cast<uint8_t>(random()));
        break;
      case 6:  // or too few
        bytes.erase(bytes.begin() + static_cast<std::ptrdiff_t>(at));
        break;
      default:
        if (below(8) == 0) bytes.resize(at + 1);
    }
  }
}

Bytes read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void add_seeds(const std::filesystem::path& path, Settings& settings) {
  if (!std::filesystem::is_directory(path)) return settings.seeds.push_back(read_file(path));
  std::vector<std::filesystem::path> files;  // in order, so that runs can be repeated
  for (const auto& entry : std::filesystem::directory_iterator(path)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  for (const auto& file : files) settings.seeds.push_back(read_file(file));
}

Settings read_arguments(int argc, char** argv) {
  Settings settings;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument(argv[i]);
    const auto value = argument.substr(std::min(argument.find('=') + 1, argument.size()));
    const auto number = [&] { return std::strtoull(value.data(), nullptr, 10); };
    if (argument.starts_with("-runs=")) {
      settings.runs = number();
    } else if (argument.starts_with("-max_total_time=")) {
      settings.max_total_time = number();
    } else if (argument.starts_with("-timeout=")) {
      settings.timeout = number();
    } else if (argument.starts_with("-seed=")) {
      settings.seed = number();
    } else if (argument.starts_with("-artifact_prefix=")) {
      settings.artifact_prefix = value;
    } else if (!argument.starts_with("-")) {
      add_seeds(argument, settings);
    }
  }
  if (settings.seeds.empty()) settings.seeds.emplace_back(1024);
  return settings;
}

}  // namespace

int main(int argc, char** argv) {
  const Settings settings = read_arguments(argc, argv);
  running.path = settings.artifact_prefix + "crash";
  if (__sanitizer_set_death_callback != nullptr) __sanitizer_set_death_callback(save_input);
  std::signal(SIGALRM, end_of_time);
  std::mt19937_64 random(settings.seed);
  for (const Bytes& bytes : settings.seeds) run(bytes, settings);
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + std::chrono::seconds(settings.max_total_time);
  uint64_t runs = 0;
  for (; runs < settings.runs && Clock::now() < end; ++runs) {
    Bytes bytes = settings.seeds[random() % settings.seeds.size()];
    mutate(bytes, settings.seeds, random);
    run(bytes, settings);
  }
  std::cout << runs << " runs without a finding\n";
  return 0;
}
