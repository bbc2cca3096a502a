// Writes the seeds of the fuzz targets: write_seeds FOLDER makes a folder for each target.

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "lm/dictionary_builder.h"
#include "lm/scorer.h"
#include "small_scorer.h"

namespace {

void write(const std::filesystem::path& path, const char* bytes, size_t size) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream file(path, std::ios::binary);
  file.exceptions(std::ios::failbit | std::ios::badbit);
  file.write(bytes, static_cast<std::streamsize>(size));
}

void write_scorers(const std::filesystem::path& folder) {
  using stt::ScoredUnit;
  using stt::fuzz::Trie;
  for (const Trie trie : {Trie::kPlain, Trie::kQuantised, Trie::kArray, Trie::kQuantisedArray}) {
    for (const auto& [unit, kind] : {std::pair{ScoredUnit::kWord, "words"},
                                     {ScoredUnit::kCodePoint, "bytes"},
                                     {ScoredUnit::kLabel, "characters"}}) {
      const auto bytes = stt::fuzz::small_scorer(trie, unit);
      const std::string name = kind + std::to_string(static_cast<int>(trie)) + ".scorer";
      write(folder / name, reinterpret_cast<const char*>(bytes.data()), bytes.size());
      const auto labels = stt::fuzz::labels_of(unit);
      const stt::Scorer readable(folder / name, labels, std::string(32, 'x'));  // throws if not
    }
  }
}

void write_random(const std::filesystem::path& folder) {
  std::mt19937 random(1);
  for (int i = 0; i < 12; ++i) {
    std::string bytes;
    for (int size = 64 << (i % 6); size > 0; --size) bytes += static_cast<char>(random());
    write(folder / std::to_string(i), bytes.data(), bytes.size());
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const std::filesystem::path folder = argv[1];
  write_scorers(folder / "fuzz_scorer");
  const std::string dictionary = stt::build_dictionary({{0, 1, 9}, {1, 1, 9}, {2, 0, 1, 9}}, 0);
  write(folder / "fuzz_dictionary" / "words", dictionary.data(), dictionary.size());
  for (const char* target :
       {"fuzz_search", "fuzz_aligner", "fuzz_ctc_loss", "fuzz_dictionary", "fuzz_kernels",
        "fuzz_int8", "fuzz_lstm"}) {
    write_random(folder / target);
  }
  return 0;
}
