/* SPDX-License-Identifier: Apache-2.0 */
#include "case.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstring>
#include <fstream>
#include <iostream>
#include <limits>
#include <map>
#include <sstream>
#include <stdexcept>

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

namespace peer {

/* ---- Clock ------------------------------------------------------------------------------------- */

using Clock = std::chrono::steady_clock;
using Seconds = std::function<double(std::size_t calls)>; /* makes the calls and says how long they took */

static double since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

struct Timing {
    double median_us, min_us;
    std::size_t calls;
};

/* Batches of at least 0.2 ms, so that the clock costs nothing, until the budget is spent. A case of which one call
 * takes longer than the budget is timed by one call. */
static Timing measure(const Seconds &time, double budget)
{
    const double batch = 200e-6, warm_up = budget / 5;
    const std::size_t least = 3, most = 1000;

    double spent = 0, call = time(1);
    const bool long_call = call > budget;
    for (spent = call; spent < warm_up; spent += call) call = time(1);
    const auto inner = static_cast<std::size_t>(std::ceil(batch / std::max(call, 20e-9)));
    std::vector<double> samples;
    for (spent = 0; samples.size() < (long_call ? 1 : least) || (spent < budget && samples.size() < most);) {
        const double seconds = time(inner);
        spent += seconds;
        samples.push_back(seconds / static_cast<double>(inner) * 1e6);
    }
    std::sort(samples.begin(), samples.end());
    const std::size_t n = samples.size();
    return {(samples[(n - 1) / 2] + samples[n / 2]) / 2, samples[0], n * inner};
}

static void require(int error, const char *what)
{
    if (error) throw std::runtime_error(std::string(what) + ": " + std::strerror(error));
}

/* One new process of this program that runs the case once, from its start to the last byte of y. */
static double seconds_to_first_output(char **argv, const Case &c, std::string line, const Array &y)
{
    std::string once = "--once";
    std::vector<char *> arguments;
    for (; *argv; argv++) arguments.push_back(*argv);
    for (char *const last : {once.data(), line.data(), static_cast<char *>(nullptr)}) arguments.push_back(last);
    int ends[2];
    require(pipe2(ends, O_CLOEXEC) ? errno : 0, "pipe");
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);

    const auto start = Clock::now();
    pid_t child;
    const int failed = posix_spawn(&child, "/proc/self/exe", &actions, nullptr, arguments.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    const auto bytes = reinterpret_cast<char *>(y.data());
    const std::size_t wanted = y.size() * sizeof(float);
    std::size_t got = 0;
    for (ssize_t n = failed ? 0 : 1; n > 0 && got < wanted; got += static_cast<std::size_t>(std::max<ssize_t>(n, 0)))
        n = read(ends[0], bytes + got, wanted - got);
    const double seconds = since(start);
    close(ends[0]);
    require(failed, "/proc/self/exe");
    waitpid(child, nullptr, 0);
    if (got < wanted)
        throw std::runtime_error("case " + c.id + ": the new process gave no y: " + std::string(bytes, got));
    return seconds;
}

/* ---- Program ----------------------------------------------------------------------------------- */

static std::string quoted(const std::string &text)
{
    std::string out = "\"";
    for (const char ch : text) {
        if (ch == '"' || ch == '\\') out += '\\';
        out += static_cast<unsigned char>(ch) < ' ' ? ' ' : ch;
    }
    return out + '"';
}

static Options parse_options(int argc, char **argv)
{
    Options options;
    const auto usage =
        std::string("usage: ") + argv[0] +
        " --dir DIR [--threads N] [--budget SECONDS] [--library FILE] [--provider FILE] [--write] [--blocked] "
        "[--once CASE] < cases";
    for (int i = 1; i < argc; i++) {
        const std::string name = argv[i];
        if (name == "--write" || name == "--blocked") {
            (name == "--write" ? options.write : options.blocked) = true;
            continue;
        }
        if (i + 1 == argc) throw std::invalid_argument(usage);
        const std::string value = argv[++i];
        if (name == "--dir")
            options.dir = value;
        else if (name == "--library")
            options.library = value;
        else if (name == "--provider")
            options.provider = value;
        else if (name == "--once")
            options.once = value;
        else if (name == "--threads")
            options.threads = std::stoul(value);
        else if (name == "--budget")
            options.budget = std::stod(value);
        else
            throw std::invalid_argument(usage);
    }
    if (options.dir.empty() || options.threads < 1 || !(options.budget > 0)) throw std::invalid_argument(usage);
    return options;
}

static void store(const std::string &path, const Array &array)
{
    std::ofstream file(path, std::ios::binary);
    file.write(reinterpret_cast<const char *>(array.data()),
               static_cast<std::streamsize>(array.size() * sizeof(float)));
    if (!file.flush()) throw std::runtime_error(path + ": cannot write");
}

static Array unwritten(std::size_t count)
{
    Array y = Array::unset(count);
    std::fill_n(y.data(), count, std::numeric_limits<float>::quiet_NaN());
    return y;
}

class Server {
  public:
    Server(Peer &peer, const Options &options, char **argv) : peer_(peer), options_(options), argv_(argv) {}

    std::string answer(const std::string &line)
    {
        Case c = parse_case(line);
        if (c.kind == Kind::model) add_tensors(c);
        const Array x = load_x(options_.dir, c), y = unwritten(c.results());
        const std::string y_path = options_.dir + "/" + c.id + ".y.f32";
        const Seconds time = clock(c, line, x, y);
        time(1);
        if (options_.write) {
            store(y_path, y);
            return "{\"case\": " + quoted(c.id) + "}";
        }
        const Accuracy accuracy = check(c, x, y, y_path);
        const double before = peer_.limit_us(c);
        const Timing timing = measure(time, options_.budget);
        const double limit = (before + peer_.limit_us(c)) / 2;

        std::ostringstream out;
        out << "{\"case\": " << quoted(c.id) << ", \"us_median\": " << timing.median_us
            << ", \"us_min\": " << timing.min_us << ", \"calls\": " << timing.calls
            << ", \"max_error\": " << accuracy.error;
        if (c.kind == Kind::function) out << ", \"max_ulp\": " << accuracy.ulp;
        if (limit > 0) out << ", \"limit_us\": " << limit;
        out << "}";
        return out.str();
    }

    /* What seconds_to_first_output() starts: y, or the reason why there is none. */
    int once(const std::string &line)
    try {
        const Case c = parse_case(line);
        const Array x = load_x(options_.dir, c), y = unwritten(c.results());
        peer_.prepare(c, model_.get(options_.dir, c), x.data(), y.data())();
        std::cout.write(reinterpret_cast<const char *>(y.data()),
                        static_cast<std::streamsize>(y.size() * sizeof(float)));
        return std::cout.flush() ? 0 : 1;
    } catch (const std::exception &error) {
        std::cout << error.what();
        return 1;
    }

  private:
    void add_tensors(Case &c)
    {
        const std::string path = options_.dir + "/" + c.id, outputs = path + ".outputs";
        c.inputs = load_tensors(path + ".inputs");
        c.depth = place(c.inputs);
        if (options_.write) store_tensors(outputs, peer_.outputs_of(c));
        c.outputs = load_tensors(outputs);
        c.columns = place(c.outputs);
    }

    Seconds clock(const Case &c, const std::string &line, const Array &x, const Array &y)
    {
        if (c.kind == Kind::start && !options_.write)
            return [this, &c, line, &y](std::size_t calls) {
                double seconds = 0;
                for (std::size_t i = 0; i < calls; i++) seconds += seconds_to_first_output(argv_, c, line, y);
                return seconds;
            };
        return [run = peer_.prepare(c, model_.get(options_.dir, c), x.data(), y.data())](std::size_t calls) {
            const auto start = Clock::now();
            for (std::size_t i = 0; i < calls; i++) run();
            return since(start);
        };
    }

    Accuracy check(const Case &c, const Array &x, const Array &y, const std::string &y_path)
    {
        if (c.kind == Kind::model) return compare_outputs(c, y, load(y_path, y.size()));
        if (c.kind != Kind::function) return compare(c, y, load(y_path, y.size()).data());
        compare(c, y, exact(c, x).data());
        const auto known = accuracy_.find(c.cell);
        return known != accuracy_.end() ? known->second : accuracy_.emplace(c.cell, over_points(c)).first->second;
    }

    Accuracy over_points(Case c)
    {
        const Array x = function_points(c), y = unwritten(x.size());
        c.id += " over " + std::to_string(x.size()) + " points";
        c.depth = c.columns = x.size();
        peer_.prepare(c, {nullptr, nullptr, nullptr}, x.data(), y.data())();
        return compare(c, y, exact(c, x).data());
    }

    Peer &peer_;
    const Options &options_;
    char **argv_;
    Model model_;
    std::map<std::string, Accuracy> accuracy_; /* by cell: it belongs to the function, not to the number of elements */
};

static void say(const std::string &line) { std::cout << line << std::endl; }

int serve(int argc, char **argv, Maker make)
try {
    const Options options = parse_options(argc, argv);
    const std::unique_ptr<Peer> peer = make(options);
    Server server(*peer, options, argv);
    if (!options.once.empty()) return server.once(options.once);
    say("{\"peer\": " + quoted(peer->name()) + ", \"version\": " + quoted(peer->version()) +
        ", \"settings\": " + quoted(peer->settings()) + "}");
    int status = 0;
    for (std::string line; std::getline(std::cin, line);) {
        const std::string id = line.substr(0, line.find('\t'));
        try {
            say(server.answer(line));
        } catch (const Lacks &reason) {
            say("{\"case\": " + quoted(id) + ", \"lacks\": " + quoted(reason.what()) + "}");
        } catch (const std::exception &error) {
            say("{\"case\": " + quoted(id) + ", \"error\": " + quoted(error.what()) + "}");
            status = 1;
        }
    }
    return status;
} catch (const std::exception &error) {
    std::cerr << error.what() << '\n';
    return 2;
}

} // namespace peer
