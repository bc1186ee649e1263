import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import org.elasticsearch.common.logging.LogConfigurator;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.node.InternalSettingsPreparer;
import org.elasticsearch.node.Node;
import org.elasticsearch.plugins.PluginsLoader;

/**
 * One Elasticsearch node in the foreground: {@code Launcher HOME MODULES KEY=VALUE...}. HOME holds config, plugins and
 * data; MODULES the transport. The server's own start script and its checks of the machine are left out.
 */
public class Launcher {
  public static void main(String[] args) throws Exception {
    try {
      run(args);
    } catch (Throwable e) {
      e.printStackTrace();
      Runtime.getRuntime().halt(1); // the server's own threads would go on, as where a port is taken
    }
  }

  private static void run(String[] args) throws Exception {
    Path home = Path.of(args[0]);
    LogConfigurator.configureESLogging();
    Settings.Builder settings = Settings.builder().put("path.home", home.toString());
    for (int i = 2; i < args.length; i++) {
      int equals = args[i].indexOf('=');
      settings.put(args[i].substring(0, equals), args[i].substring(equals + 1));
    }
    var env = InternalSettingsPreparer.prepareEnvironment(settings.build(), Map.of(), home.resolve("config"), () -> "node");
    LogConfigurator.configure(env, true);
    var modules = PluginsLoader.loadModulesBundles(Path.of(args[1]));
    Node node = new Node(env, PluginsLoader.createPluginsLoader(modules, Set.of(), Map.of(), false));
    Runtime.getRuntime().addShutdownHook(new Thread(() -> {
      try {
        node.close();
      } catch (Exception e) {
        e.printStackTrace();
      }
    }));
    node.start();
    if (Boolean.getBoolean("belfry.once")) {
      System.exit(0);
    }
    Thread.currentThread().join();
  }
}
