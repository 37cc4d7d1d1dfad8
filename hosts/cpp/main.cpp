// A C++ program that keeps its vectors in jvdb, set up as a server would be: a signal handler, a persistent storage, a
// periodic flush, a callback at shutdown. It imports a JSON export and dumps what a storage holds.
#include "DatabaseService.hpp"
#include "InMemoryDatabasePersistence.hpp"
#include "PersistentDatabasePersistence.hpp"
#include "SignalHandler.hpp"
#include "VectorFlushManager.hpp"
#include "dump.hpp"

#include <chrono>
#include <iostream>
#include <map>
#include <memory>
#include <string>

namespace {

constexpr const char* USAGE =
    "usage: jvdb_host import --storage DIR --input FILE\n"
    "       jvdb_host dump --storage DIR --output FILE\n"
    "       jvdb_host dump --memory --input FILE --output FILE\n";

struct Usage {};

/// The command line: a command, and options that each have a value but for --memory.
class Arguments {
public:
    Arguments(int argc, char** argv) {
        if (argc < 2) throw Usage{};
        command_ = argv[1];
        for (int i = 2; i < argc; ++i) {
            const std::string option = argv[i];
            if (option == "--memory") {
                values_[option];
            } else if ((option == "--storage" || option == "--input" || option == "--output") && i + 1 < argc) {
                values_[option] = argv[++i];
            } else {
                throw Usage{};
            }
        }
    }

    const std::string& command() const { return command_; }
    bool has(const std::string& option) const { return values_.count(option) > 0; }
    const std::string& operator[](const std::string& option) const {
        const auto found = values_.find(option);
        if (found == values_.end()) throw Usage{};
        return found->second;
    }

private:
    std::string command_;
    std::map<std::string, std::string> values_;
};

/// Opens what the arguments name and the first database in it, as a program does before its first request.
std::shared_ptr<DatabasePersistence> open(const Arguments& arguments) {
    std::shared_ptr<DatabasePersistence> persistence;
    if (arguments.has("--memory")) {
        persistence = std::make_shared<InMemoryDatabasePersistence>();
    } else {
        persistence = std::make_shared<PersistentDatabasePersistence>(arguments["--storage"], 100,
                                                                      std::chrono::seconds(300));
    }
    const auto names = persistence->list_databases();
    if (!names.empty()) persistence->get_database_schema(names.front());
    return persistence;
}

int run(const Arguments& arguments) {
    const bool import = arguments.command() == "import";
    const bool dump = arguments.command() == "dump";
    if (!(import || dump) || (import && arguments.has("--memory"))) throw Usage{};

    SignalHandler::initialize();

    const auto start = std::chrono::steady_clock::now();
    const auto persistence = open(arguments);
    const auto opened = std::chrono::steady_clock::now() - start;

    auto& flush_manager = VectorFlushManager::get_instance();
    flush_manager.register_persistence("main", persistence);
    flush_manager.start_periodic_flush(std::chrono::seconds(300));
    SignalHandler::register_shutdown_callback([&flush_manager] { flush_manager.flush_all(); });

    const auto go_on = [] { return !SignalHandler::shutdown_requested(); };
    DatabaseService service(persistence);
    if (import || arguments.has("--memory")) {
        service.import_from_json(arguments["--input"], go_on);
        service.persistence().flush();
    }
    if (dump) dump_all(service.persistence(), arguments["--output"], go_on);

    const auto contents = read_all(service.persistence());
    std::cout << "{\"face\":\"cpp\",\"databases\":" << contents.databases << ",\"vectors\":" << contents.vectors
              << ",\"open_us\":" << std::chrono::duration_cast<std::chrono::microseconds>(opened).count()
              << ",\"get_ns\":" << contents.get_ns << "}" << std::endl;
    flush_manager.stop_periodic_flush();
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    try {
        return run(Arguments(argc, argv));
    } catch (const Usage&) {
        std::cerr << USAGE;
        return 2;
    } catch (const std::exception& error) {
        std::cerr << "jvdb_host: " << error.what() << '\n';
        return 1;
    }
}
