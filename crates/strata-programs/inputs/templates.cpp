// Templates that make the compiler allocate: containers, variants, tuples, recursion.
#include <algorithm>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

template <int N> struct Tag { static constexpr int value = N; std::string name = "tag" + std::to_string(N); };

template <int... Ns> auto make_tags(std::integer_sequence<int, Ns...>) { return std::make_tuple(Tag<Ns>{}...); }

template <class Tuple, class F, std::size_t... Is>
void each(Tuple& tuple, F f, std::index_sequence<Is...>) { (f(std::get<Is>(tuple)), ...); }

template <int N> struct Sum { static constexpr long value = N + Sum<N - 1>::value; };
template <> struct Sum<0> { static constexpr long value = 0; };

using Value = std::variant<std::monostate, bool, int, double, std::string, std::vector<int>, std::map<std::string, int>>;

struct Printer {
    std::string operator()(std::monostate) const { return "none"; }
    std::string operator()(bool b) const { return b ? "yes" : "no"; }
    template <class T, class = std::enable_if_t<std::is_arithmetic_v<T> && !std::is_same_v<T, bool>>>
    std::string operator()(T number) const { return std::to_string(number); }
    std::string operator()(const std::string& text) const { return text; }
    template <class T> std::string operator()(const std::vector<T>& all) const { return std::to_string(all.size()); }
    template <class K, class V> std::string operator()(const std::map<K, V>& all) const { return std::to_string(all.size()); }
};

template <class... Fs> struct Overload : Fs... { using Fs::operator()...; };
template <class... Fs> Overload(Fs...) -> Overload<Fs...>;

int main() {
    auto tags = make_tags(std::make_integer_sequence<int, 48>{});
    std::unordered_map<std::string, std::function<int(int)>> functions;
    each(tags, [&](auto& tag) { functions[tag.name] = [v = tag.value](int x) { return x * v; }; }, std::make_index_sequence<48>{});
    std::vector<Value> values{true, 1, 2.5, std::string("text"), std::vector<int>{1, 2}, std::map<std::string, int>{{"a", 1}}};
    std::string text;
    for (const auto& value : values) text += std::visit(Printer{}, value);
    bool found = text.find("yes") != std::string::npos;
    std::map<std::string, std::tuple<int, std::optional<double>, std::shared_ptr<std::string>>> table;
    for (auto& [name, f] : functions) table[name] = {f(3), std::nullopt, std::make_shared<std::string>(name)};
    auto sum = std::accumulate(table.begin(), table.end(), Sum<400>::value,
                               [](long a, const auto& entry) { return a + std::get<0>(entry.second); });
    int kinds = 0;
    for (auto& value : values)
        std::visit(Overload{[&](auto) { kinds += 1; }, [&](int) { kinds += 10; }, [&](const std::string&) { kinds += 100; }}, value);
    std::cout << found << sum << kinds << '\n';
}
