// For compilers without libFuzzer: runs a target on seed files and on random changes of them.
//   TARGET [-runs=N] [-seed=N] FILES...

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <random>
#include <string>
#include <string_view>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

using Bytes = std::vector<uint8_t>;

Bytes read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void mutate(Bytes& bytes, std::mt19937_64& random) {
  const auto below = [&](size_t limit) { return static_cast<size_t>(random() % limit); };
  for (size_t changes = 1 + below(8); changes > 0 && !bytes.empty(); --changes) {
    uint8_t& byte = bytes[below(bytes.size())];
    switch (below(5)) {
      case 0:
        byte ^= static_cast<uint8_t>(1U << below(8));
        break;
      case 1:
        byte = static_cast<uint8_t>(random());
        break;
      case 2:
        byte = 0xff;
        break;
      case 3:
        byte = 0;
        break;
      default:
        if (below(8) == 0) bytes.resize(below(bytes.size()) + 1);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  size_t runs = 1000;
  uint64_t seed = 1;
  std::vector<Bytes> seeds;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument(argv[i]);
    if (argument.starts_with("-runs=")) {
      runs = std::strtoull(argv[i] + 6, nullptr, 10);
    } else if (argument.starts_with("-seed=")) {
      seed = std::strtoull(argv[i] + 6, nullptr, 10);
    } else {
      seeds.push_back(read_file(argv[i]));
    }
  }
  if (seeds.empty()) seeds.emplace_back(4096);
  std::mt19937_64 random(seed);
  for (const Bytes& bytes : seeds) LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
  for (size_t i = 0; i < runs; ++i) {
    Bytes bytes = seeds[random() % seeds.size()];
    mutate(bytes, random);
    LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
  }
  std::cout << runs << " runs without a finding\n";
  return 0;
}
